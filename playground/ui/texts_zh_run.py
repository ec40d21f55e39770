"""Chinese for setting up and watching a training run."""

RUN: dict[str, str] = {
    # what a run says of itself
    "Waiting for another training run to end…": "等另一个训练结束……",
    "Waiting to begin…": "等待开始……",
    "Getting ready…": "准备中……",
    "Loading the model…": "正在加载模型……",
    "Preparing the examples…": "正在准备示例……",
    "Learning from the examples…": "正在学习示例……",
    "Asking it what it learnt…": "正在问它学到了什么……",
    "Done.": "完成。",
    "It stopped by itself at step {step}: the examples set aside got no better.": (
        "在第 {step} 步自动停下：留出的示例不再变好。"
    ),
    "Stopped at step {step}; what was learnt until then is kept.": "停在第 {step} 步；到那时学到的都已保留。",
    "It had the {minutes} minutes that a run may take here, so it was ended at step {step}; what it learnt until then is "
    "kept.": "这里一次训练最多 {minutes} 分钟，时间到了，所以停在第 {step} 步；到那时学到的都已保留。",
    "It had the {minutes} minutes that a run may take here, and was ended in the middle of a step. Start a new run with a "
    "smaller batch size, gradient_accumulation_steps or max_length.": (
        "这里一次训练最多 {minutes} 分钟，时间到了，训练在一步的中间被终止。请把 per_device_train_batch_size、"
        "gradient_accumulation_steps 或 max_length 调小，重新开始。"
    ),
    "The folder of this training run is gone from the disk, so it cannot go on. Start a new run.": (
        "这次训练的文件夹已经不在磁盘上，没法继续。请重新开始。"
    ),
    "Stopped before anything was learnt.": "还没学到东西就停下了。",
    "Stopped before it began.": "还没开始就停下了。",
    "The app was closed before this run ended. Resume it to go on.": "应用在训练结束前关闭了。点“继续”可以接着训练。",
    "The training was ended by the system, most likely because memory ran out. Use a smaller batch size or max_length, "
    "or resume it when more memory is free.": (
        "训练被系统终止，多半是内存不够。请把 per_device_train_batch_size 或 max_length 调小，或者等内存空出来再继续。"
    ),
    "The training process ended unexpectedly (code {code}). Resume it to go on.": (
        "训练进程意外结束（代码 {code}）。点“继续”可以接着训练。"
    ),
    "The training run could not be finished; the details are in the server's log under {id}.": (
        "训练没能完成；详情在服务器日志里，编号 {id}。"
    ),
    "There was not enough memory. Use a smaller batch size or max_length. (Details: log {id}.)": (
        "内存不够。请把 per_device_train_batch_size 或 max_length 调小。（详情：日志 {id}。）"
    ),
    "The training stopped because of an unexpected error; its details are in the server's log under {id}.": (
        "训练因意外错误停止；详情在服务器日志里，编号 {id}。"
    ),
    "The curves cannot be sent to {reporter}: {reason} Mend that and resume, or start a new run with report_to at none.": (
        "曲线发不到 {reporter}：{reason} 请解决后点“继续”，或者把 report_to 设为 none 重新开始。"
    ),
    "It does not answer.": "它没有回应。",
    "The disk is full, so step {step} could not be saved. Make room, then resume: it goes on from the checkpoint "
    "before.": "磁盘满了，第 {step} 步没能保存。请腾出空间，再点“继续”：会从上一个检查点接着训练。",
    "This model cannot keep packed examples apart. Switch packing off, and start again.": (
        "这个模型分不开拼接在一起的示例。请关掉 packing 再开始。"
    ),
    # values
    "{field} cannot be {value}. Use {alone}, or some of: {allowed}.": (
        "{field} 不能是 {value}。请用 {alone}，或从这些里选：{allowed}。"
    ),
    "{field} is empty. Use {alone}, or some of: {allowed}.": "{field} 是空的。请用 {alone}，或从这些里选：{allowed}。",
    "{field} names {alone} and others beside it. Use {alone} by itself, or some of: {allowed}.": (
        "{field} 把 {alone} 和别的写在了一起。请只写 {alone}，或从这些里选：{allowed}。"
    ),
    "{field} names {value}, which is not installed here. Install it with pip, or choose another.": (
        "{field} 写了 {value}，但这里没有安装。请用 pip 安装，或换一个。"
    ),
    "On a shared server a run cannot report elsewhere. Leave {field} at {value}.": (
        "在共用的服务器上，训练不能向别处发送数据。请让 {field} 保持 {value}。"
    ),
    "How much may change": "能改变多少",
    "Size of the adapter.": "适配器的大小。",
    "How strongly it acts; often 2 × r.": "作用的强度，常用 2 × r。",
    "Forgets at random, against memorizing.": "随机丢弃一些，防止死记。",
    "The layers that it changes.": "它改变哪些层。",
    "Steadier with a large r.": "r 很大时更稳。",
    "How long and how fast": "多久、多快",
    "How often it reads the whole file.": "把整个文件读几遍。",
    "Ends after so many steps; -1: no limit.": "走这么多步就结束；-1 为不限。",
    "How far each step goes.": "每一步走多远。",
    "How the learning rate falls.": "学习率怎样下降。",
    "Share of the steps to begin gently.": "用来慢慢起步的步数比例。",
    "Pulls weights towards zero.": "把权重往零拉。",
    "Stops by itself after so many measurements without progress; 0: never.": (
        "连续这么多次测量没有进步就自动停下；0 为从不。"
    ),
    "How much at a time": "一次多少",
    "Examples at a time.": "一次读几个示例。",
    "Batches before each step.": "每走一步前读几批。",
    "Tokens of an example; the rest is cut off.": "每个示例的 token 数，超出的截掉。",
    "Several short examples in one row.": "几个短示例拼成一行。",
    "Less memory, more time.": "省内存，但更慢。",
    "What counts": "学什么",
    "Learns the answers alone, not the questions.": "只学回答，不学问题。",
    "Noise on what it reads; 0: none.": "给读到的内容加噪声；0 为不加。",
    "The same seed, the same run.": "种子相同，训练就相同。",
    "Where to send the curves.": "曲线发送到哪里。",
    # trying it out
    "Trying it with your longest examples…": "正在用你最长的示例试跑……",
    "Tried with your longest examples: about {time} and {memory} GB of memory. It fits.": (
        "用你最长的示例试过了：大约 {time}，占 {memory} GB 内存。放得下。"
    ),
    "Tried with your longest examples: {memory} GB of memory, but only {free} GB are free. It does not fit.": (
        "用你最长的示例试过了：要 {memory} GB 内存，但只有 {free} GB 空闲。放不下。"
    ),
    "There is not enough memory even to try this.": "内存连试跑都不够。",
    "Make it fit": "改到放得下",
    "A run may take {time} here: then it ends, and what it learnt is kept.": (
        "这里一次训练最多 {time}：到时就会结束，学到的内容会保留。"
    ),
    "It fits now: about {time} and {memory} GB of memory.": "现在放得下了：大约 {time}，占 {memory} GB 内存。",
    "Changed: {changes}.": "改动：{changes}。",
    "Even the smallest settings do not fit into the memory that is free. A smaller model would.": (
        "最小的设置也放不进空闲的内存。要换更小的模型。"
    ),
    "{count} of {rows} examples are cut off.": "{rows} 个示例中有 {count} 个会被截断。",
    "It learns to write {share} % of what it reads.": "读到的内容里，有 {share}% 是要学会写的。",
    "Another run is going on, so this one is not tried now.": "另一个训练正在进行，所以现在不试跑。",
    "Another run is going on, so this one is not tried now. As fast as your last run it would take about {time}.": (
        "另一个训练正在进行，所以现在不试跑。按你上次训练的速度，大约要 {time}。"
    ),
    "The trial was ended before it had measured anything. Try again.": "试跑还没测出结果就结束了。请再试一次。",
}
