"""Chinese for setting up and watching a training run."""

RUN: dict[str, str] = {
    # what a run says of itself
    "Waiting for another training run to end…": "等另一个训练结束……",
    "Waiting to begin…": "等待开始……",
    "Getting ready…": "准备中……",
    "Loading the model…": "正在加载模型……",
    "Preparing the examples…": "正在准备示例……",
    "Learning from the examples…": "正在学习示例……",
    "Putting the result in place…": "正在放好结果……",
    "Done.": "完成。",
    "It stopped by itself at step {step}: the examples set aside got no better.": (
        "在第 {step} 步自动停下：留出的示例不再变好。"
    ),
    "Stopped at step {step}; what was learnt until then is kept.": "停在第 {step} 步；到那时学到的都已保留。",
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
    "The disk is full, so step {step} could not be saved. Make room, then resume: it goes on from the checkpoint "
    "before.": "磁盘满了，第 {step} 步没能保存。请腾出空间，再点“继续”：会从上一个检查点接着训练。",
    "This model cannot keep packed examples apart. Switch packing off, and start again.": (
        "这个模型分不开拼接在一起的示例。请关掉 packing 再开始。"
    ),
    # values
    "{field} cannot be {value}. Use {alone}, or some of: {allowed}.": (
        "{field} 不能是 {value}。请用 {alone}，或从这些里选：{allowed}。"
    ),
    "{field} names {value}, which is not installed here. Install it with pip, or choose another.": (
        "{field} 写了 {value}，但这里没有安装。请用 pip 安装，或换一个。"
    ),
}
