"""Chinese for Fine-tune and Adapters, by the English sentence."""

FINETUNE: dict[str, str] = {
    # bring
    "Bring examples": "准备示例",
    "Check them": "检查",
    "Teach": "训练",
    "See what changed": "看看变化",
    "Bring examples of what it should learn": "带来你想教它的示例",
    "A question with the answer that you would like to read, many times over. Twenty already show; a hundred or two "
    "work well.": "一个问题，一个你想看到的回答，多来一些。二十个就能看出效果，一两百个更好。",
    "Examples": "示例",
    "No file at hand? Start with one of ours:": "手边没有文件？先用我们的：",
    "Talk like a pirate\nQuestions, answered the pirate way": "像海盗一样说话\n问题，配上海盗式的回答",
    "Sort messages\nMessages, each with its topic": "给留言分类\n留言，每条都有主题",
    "Polite replies\nComplaints, answered with warmth": "礼貌回复\n投诉，配上温暖的回答",
    "What a file looks like": "文件长什么样",
    "A table with two columns is enough. Names do not matter, you can match them in the next step.": (
        "两列的表格就够了。列名不要紧，下一步可以对应。"
    ),
    '<table class="tbl"><tr><th>question</th><th>answer</th></tr>'
    "<tr><td>Can I change my order?</td><td>Gladly! Until it ships, you can change it under My orders.</td></tr>"
    "<tr><td>My parcel is late.</td><td>I am sorry. Tell me its number, and I will look at once.</td></tr></table>": (
        '<table class="tbl"><tr><th>问题</th><th>回答</th></tr>'
        "<tr><td>订单还能改吗？</td><td>当然可以！发货前，在“我的订单”里就能改。</td></tr>"
        "<tr><td>包裹还没到。</td><td>很抱歉。请告诉我单号，我马上查。</td></tr></table>"
    ),
    "Also fine: text and label, source and translation, passage and summary, whole chats, or plain text to learn a "
    "style from. As CSV, TSV, Excel, JSON, JSONL, Parquet or TXT, up to 50 MB.": (
        "也可以：文字和标签、原文和译文、段落和摘要、整段对话，或者只有文字（学它的文风）。"
        "格式：CSV、TSV、Excel、JSON、JSONL、Parquet、TXT，最大 50 MB。"
    ),
    "Your file stays on this server and only you can see it.": "文件只留在这台服务器上，只有你看得见。",
    "An adapter is what the model learnt from your examples: a small file laid over it. The model itself never "
    "changes.": "适配器是模型从你的示例中学到的东西：叠加在模型上的小文件。模型本身从不改变。",
    "Next: check them": "下一步：检查",
    "{name}: {count} examples can be used.": "{name}：有 {count} 个示例可用。",
    "Send a file first.": "请先上传一个文件。",
    # check
    "{count} examples, read as {format}": "{count} 个示例，读作：{format}",
    "whole chats": "整段对话",
    "chats in two lists": "两列对话",
    "texts with translations": "文字和译文",
    "questions about a passage": "关于一段话的问答",
    "instructions with answers": "指令和回答",
    "questions with answers": "问题和回答",
    "texts with summaries": "文字和摘要",
    "texts with labels": "文字和标签",
    "plain text": "纯文字",
    "Read as": "读作",
    "The chat is in": "对话在哪一列",
    "The role of the model is in (optional)": "模型的角色在哪一列（可不选）",
    "What belongs to it is in (optional)": "附带的内容在哪一列（可不选）",
    "The answer is in": "回答在哪一列",
    "The text is in": "文字在哪一列",
    "The translation is in": "译文在哪一列",
    "The question is in": "问题在哪一列",
    "The passage is in": "段落在哪一列",
    "The instruction is in": "指令在哪一列",
    "The summary is in": "摘要在哪一列",
    "A second text is in (optional)": "第二段文字在哪一列（可不选）",
    "The label is in": "标签在哪一列",
    "Say which column is which.": "请说明哪一列是什么。",
    "Small repairs, if you agree": "小修补，由你决定",
    "Lengths": "长度",
    "All fit: the longest takes {longest} of {limit} places.": "都放得下：最长的占 {limit} 个位置中的 {longest} 个。",
    "{count} of the examples are longer than {limit} places: their ends are cut off.": (
        "有 {count} 个示例超过 {limit} 个位置：末尾会被截掉。"
    ),
    "As the model will read it": "模型看到的样子",
    "‹ Before": "‹ 上一个",
    "Next ›": "下一个 ›",
    "{place} of {count}": "{place} / {count}",
    "The marked words are what it learns to write. The rest is only read before.": (
        "标出的文字是它要学会写的，其余只是先读到的内容。"
    ),
    "What the repairs change": "修补会改什么",
    "Row": "行",
    "Before": "之前",
    "After": "之后",
    "left out": "去掉",
    "Back": "返回",
    "Next: teach": "下一步：训练",
    "{held_out} of the {usable} are set aside: they will show afterwards what it really learnt.": (
        "{usable} 个里留出 {held_out} 个，最后用来看它到底学会了没有。"
    ),
    "With fewer than 10 examples none is set aside, so nothing will be measured afterwards.": (
        "示例不到 10 个，就不留出，之后也就没有测量。"
    ),
    "Empty rows: {count} (first row {row}). Leave them out?": "空行：{count} 个（第一个是第 {row} 行）。去掉吗？",
    "Rows that repeat an earlier one: {count} (first row {row}). Keep only one of each?": (
        "重复的行：{count} 个（第一个是第 {row} 行）。每种只留一个吗？"
    ),
    "Rows with spaces around a text: {count} (first row {row}). Trim them?": (
        "文字前后有多余空格的行：{count} 个（第一个是第 {row} 行）。清掉吗？"
    ),
    "Row {row} is left out: {reason}": "第 {row} 行没有采用：{reason}",
    "{count} more rows are left out.": "另有 {count} 行没有采用。",
    "Only the first sheet, '{sheet}', is read.": "只读取第一个工作表“{sheet}”。",
    # teach
    "Bring a file of examples first.": "请先带来一个示例文件。",
    "Name of the adapter": "适配器的名字",
    "How hard shall it study?": "学得多用功？",
    "Light touch": "轻轻一点",
    "Normal": "普通",
    "Thorough": "彻底",
    "a hint of it": "略有影子",
    "follows the examples": "照示例来",
    "sticks to them, may forget other things": "紧跟示例，可能忘掉别的",
    "{name}, about {time}: {effect}": "{name}，约 {time}：{effect}",
    "{name}, {steps} steps: {effect}": "{name}，{steps} 步：{effect}",
    "It learns in a process of its own, while the model goes on answering.": "它在另一个进程里学习，模型照常回答。",
    "Advanced settings": "高级设置",
    "These suit this model, this file and the choice above.": "这些值适合这个模型、这个文件和上面的选择。",
    "Questions to watch": "想观察的问题",
    "While it learns, these are asked again and again, so that you can see the answers change.": "学习期间会反复问这些问题，让你看到回答怎样变化。",
    "From your examples": "出自你的示例",
    "Something else, to see what it forgets": "另一类问题，看它会不会忘",
    "Your own (optional)": "你自己的（可不填）",
    "What will you ask it?": "你会问它什么？",
    "Others can keep using the model meanwhile, and so can you.": "其间别人和你都可以照常使用模型。",
    "Start teaching": "开始训练",
    # watch
    "{file}, {count} examples": "{file}，{count} 个示例",
    "Getting ready. This takes some seconds.": "正在准备，需要几秒钟。",
    "Waiting for its turn: another run comes first.": "正在排队：前面还有一次训练。",
    "Step {step} of {total}": "第 {step} / {total} 步",
    "Step {step} of {total}, about {left} left": "第 {step} / {total} 步，大约还要 {left}",
    "1 second": "1 秒",
    "{count} seconds": "{count} 秒",
    "{count} minutes": "{count} 分钟",
    "Stop and keep what it learnt": "停止，保留已学到的",
    "Stopping…": "正在停止……",
    "Resume": "继续训练",
    "Begin again": "重新开始",
    "It stopped.": "训练停止了。",
    "You may close this page: it goes on, and you find it here again. The other tabs keep answering.": (
        "可以关掉页面：训练会继续，回来还在这里。其他标签页照常回答。"
    ),
    "How far off it is": "差得有多远",
    "Lower is better. No examples are set aside, so nothing tells when it only memorizes.": (
        "越低越好。没有留出示例，所以看不出它是否只是死记硬背。"
    ),
    "examples it learns from": "学习用的示例",
    "examples set aside": "留出的示例",
    "The next step opens when it is done.": "完成后自动进入下一步。",
    "Next: see what changed": "下一步：看看变化",
    # result
    "It learnt from your examples.": "它从你的示例中学到了东西。",
    "Right answers": "答对",
    "Words in common with yours": "与你的答案相同的词",
    "Likeness to your answers": "与你的答案的相似度",
    "Asked {count} of them, it is now right {after} times; without it, {before} times.": (
        "问了其中 {count} 条，现在答对 {after} 条；不用它时答对 {before} 条。"
    ),
    "Asked {count} of them, its answers are now {after}% like yours; without it, {before}%.": (
        "问了其中 {count} 条，它的回答与你的相似度现在是 {after}%；不用它时是 {before}%。"
    ),
    "It has not clearly gained yet.": "还看不出明显的进步。",
    "It has studied.": "它学过了。",
    "On the {count} examples that it never saw, it was off by {before}; now it is {after}. Lower is better.": (
        "在它没见过的 {count} 个示例上，原来差 {before}，现在差 {after}。越低越好。"
    ),
    "On the {count} examples that it never saw, it was off by {before} and is now by {after}. Bring more examples, or "
    "let it study harder.": (
        "在它没见过的 {count} 个示例上，原来差 {before}，现在差 {after}。请多带些示例，或让它学得更用功。"
    ),
    "Examples learnt from": "学过的示例",
    "Time": "用时",
    "Asked now, without and with it": "现在提问：不用它，和用上它",
    "Question": "问题",
    "How it was taught": "训练情况",
    "Set aside": "留出",
    "Steps": "步数",
    "{count}, the best was {best}": "{count}，最好的是第 {best} 步",
    "Settings": "参数",
    "Proof: switched on, the adapter moves the model's choices by up to {change} points.": (
        "证明：打开适配器，模型的选择最多变动 {change} 分。"
    ),
    "Switched off, the model is as before, bit for bit.": "关掉后，模型与原来逐位相同。",
    "Switched off, the model was not as before.": "关掉后，模型与原来不同。",
    "Teach more": "继续教",
    "Download": "下载",
    "Try it in Generate": "去“生成”里试试",
    "A question to watch may have {limit} characters at most.": "想观察的问题最多 {limit} 个字。",
    "At most {limit} questions can be watched.": "最多观察 {limit} 个问题。",
}

ADAPTERS: dict[str, str] = {
    "Base model": "原模型",
    "Your adapters": "你的适配器",
    "Import": "导入",
    '<div class="big">Nothing taught yet.</div><div class="quiet">Start in Fine-tune.</div>': (
        '<div class="big">还没有教过什么。</div><div class="quiet">从“微调”开始。</div>'
    ),
    "Rename": "改名",
    "Delete": "删除",
    "Save": "保存",
    "Cancel": "取消",
    "It cannot be brought back. Delete it?": "删除后无法恢复。确定删除吗？",
    "Delete for good": "永久删除",
    "Keep it": "保留",
    "Everyone chooses for themselves: using it here changes only what you see.": (
        "各选各的：在这里启用，只影响你自己看到的。"
    ),
    "Use it": "使用",
    "It answers in every tab now.": "现在每个标签页都由它回答。",
    "Done": "完成",
    "Choose an adapter first.": "请先选择一个适配器。",
    "Taught": "训练于",
    "Imported": "导入于",
    "From": "来自",
    "For": "用于",
    "Size": "大小",
    "{size} MB": "{size} MB",
    "Proof of the switch": "切换的证明",
    "not switched on yet": "还没有启用过",
    "on: choices move by up to {change} points · off: as before, bit for bit": (
        "打开：选择最多变动 {change} 分 · 关掉：与原来逐位相同"
    ),
}
