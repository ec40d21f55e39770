"""Chinese for what can go wrong, by the English sentence; a test finds every sentence that is missing here."""

VISITOR: dict[str, str] = {
    "This server does not know you yet. Open its page in a browser that keeps cookies, or call /new_key and send the "
    "key in the header {header}.": (
        "服务器还不认识你。请用允许 Cookie 的浏览器打开页面，或调用 /new_key，并把密钥放在请求头 {header} 中。"
    ),
    "probes must be a list of texts.": "probes 必须是文字的列表。",
    "The loaded model reads too little at once to summarize. Choose a larger model.": "这个模型一次读得太少，无法摘要。请换大一些的模型。",
    "That is a very long text: {parts} parts. Paste at most a few chapters.": "文字太长：共 {parts} 部分。最多粘贴几章。",
    "stop must be a list of at most {most} texts.": "stop 必须是最多 {most} 段文字的列表。",
    "Each text in stop must have 1 to {most} characters.": "stop 里的每段文字须为 1 到 {most} 个字符。",
    "{field} is {value}; it must be a {kind} from {low} to {high}.": "{field} 是 {value}；范围应为 {low} 到 {high}（{kind}）。",
    "The model gave no usable answer: its numbers overflowed. Try another adapter or text.": (
        "模型没有给出可用的回答：数值溢出。请换一个适配器或文字。"
    ),
    "The model stopped before it had finished. Try again.": "模型没写完就停了。请再试一次。",
    "The model failed on this request (error {error_id}). Try again.": "模型处理这个请求时出错（编号 {error_id}）。请再试一次。",
    "There is not enough memory to load this adapter. Try again later.": "内存不够，无法载入这个适配器。请稍后再试。",
    "There is not enough memory for this. Try again when fewer requests are running.": "内存不够。请等请求少一些时再试。",
    "This model keeps what it has read in a way that cannot be shared by many visitors here. Choose a plain "
    "transformer such as Qwen/Qwen2.5-0.5B-Instruct.": (
        "这个模型记住已读内容的方式，在这里无法供多位访客共用。请选一个普通的 Transformer 模型，例如 "
        "Qwen/Qwen2.5-0.5B-Instruct。"
    ),
    "The answer took longer than it was given time for. Try again, or ask for a shorter one.": (
        "回答超过了给定的时间。请再试一次，或要一个更短的回答。"
    ),
    "The playground is stopping. Start it again to go on.": "程序正在关闭。重新启动后再继续。",
    "There is not enough memory to go on with this request. Make its text shorter.": "内存不够，无法继续。请缩短文字。",
    "The model had to start again in the middle of this. Try again.": "模型中途重新启动了。请再试一次。",
    "The text is empty. Write something first.": "文字是空的。请先写点什么。",
    "The text is too long: it takes {tokens} tokens, and the model can read {room} at once, its answer included. "
    "Shorten it.": "文字太长：占 {tokens} 个词元，模型连同回答一次只能读 {room} 个。请缩短。",
    "The request holds a token that this model does not know.": "请求里有这个模型不认识的词元。",
    "The model has {waiting} requests waiting. Try again in about {seconds} seconds.": (
        "有 {waiting} 个请求在等待。请约 {seconds} 秒后再试。"
    ),
    "The model is being changed to {model}. Try again in a minute.": "正在换成模型 {model}。请过一分钟再试。",
    "There is no message to answer. Write one.": "没有要回答的话。请写一句。",
    "The text holds a control word of the model, such as </s>. Remove it.": "文字里有模型的控制符，例如 </s>。请去掉。",
    "The text holds a broken character at position {position}. Remove it or type it again.": (
        "第 {position} 个字符是残缺的。请去掉或重新输入。"
    ),
    "The model cannot take this conversation ({reason}). Begin with a question, then alternate.": (
        "模型不接受这段对话（{reason}）。请以问题开头，一问一答。"
    ),
    "A training example must end with an answer of the assistant.": "训练示例必须以助手的回答结尾。",
}

TRAINING: dict[str, str] = {
    "The model {model} has changed since this run was set up, so it cannot go on. Start a new run.": (
        "模型 {model} 在这次训练建立之后变了，无法继续。请重新开始训练。"
    ),
    "Only {count} of the examples can be learnt from, and at least {least} are needed. {reason}": (
        "只有 {count} 个示例可以学习，至少需要 {least} 个。{reason}"
    ),
    "There are fewer than 2 examples to learn from. Add more rows.": "可学习的示例不足 2 个。请多加几行。",
    "There is no training run '{job_id}' of yours.": "你没有名为“{job_id}”的训练。",
    "The app is closing. Try again when it is back.": "程序正在关闭。等它回来再试。",
    "You have {count} training runs going already. Wait for one to end.": "你已有 {count} 个训练在进行。请等其中一个结束。",
    "{count} training runs are waiting already. Try again later.": "已有 {count} 个训练在排队。请稍后再试。",
    "The training run could not be written to the disk ({reason}). Make room and try again.": (
        "训练无法写入磁盘（{reason}）。请腾出空间再试。"
    ),
    "The training run '{name}' cannot be resumed: it is {state}.": "训练“{name}”无法继续：状态是 {state}。",
    "{field} cannot be {value}. Use one of: {allowed}.": "{field} 不能是 {value}。请选择：{allowed}。",
    "{field} is 0. Use -1 for no limit, or at least 1.": "{field} 是 0。用 -1 表示不限，或至少为 1。",
    "{field} is {value}, but this model reads at most {most} tokens at a time. Use {least} to {most}.": (
        "{field} 是 {value}，但这个模型一次最多读 {most} 个词元。请用 {least} 到 {most}。"
    ),
    "{field} is not a number. Use {least} to {most}.": "{field} 不是数字。请用 {least} 到 {most}。",
    "{field} is {value}. Use {least} to {most}.": "{field} 是 {value}。请用 {least} 到 {most}。",
    "{field} is {value}. Use a whole number from {least} to {most}.": "{field} 是 {value}。请用 {least} 到 {most} 的整数。",
    "{field} is {value}. Use at least {least}.": "{field} 是 {value}。请至少用 {least}。",
    "{field} is {value}. Use at most {most}.": "{field} 是 {value}。请最多用 {most}。",
    "{field} must be a number.": "{field} 必须是数字。",
    "{field} must be a whole number.": "{field} 必须是整数。",
    "{field} is too long. Use at most {most}.": "{field} 太长。最多 {most}。",
    "{field} is too short. Use at least {least}.": "{field} 太短。至少 {least}。",
    "{field} must be a list.": "{field} 必须是列表。",
    "{field} must be an object with named values.": "{field} 必须是带名字的对象。",
    "{field} cannot be {value}: {reason}.": "{field} 不能是 {value}：{reason}。",
    "{field} is missing. Give it a value.": "缺少 {field}。请给它一个值。",
    "There is no field called {field}. Use one of: {allowed}.": "没有名为 {field} 的字段。请选择：{allowed}。",
    "The values must be given by their names.": "各个值必须带名字给出。",
    "There is no training setting called {field}.": "没有名为 {field} 的训练设置。",
    "The examples in {path} cannot be read. Start a new run.": "{path} 里的示例无法读取。请重新开始训练。",
    "The description of the training run in {path} cannot be read. Start a new run.": (
        "{path} 里的训练说明无法读取。请重新开始训练。"
    ),
    "The training went astray at step {step}: the loss is no longer a number. Try again with a lower learning rate.": (
        "训练在第 {step} 步走偏了：损失不再是数字。请用更低的学习率再试。"
    ),
}

DATA: dict[str, str] = {
    "The file is empty. Upload a file with a header line and rows.": "文件是空的。请上传有表头和数据行的文件。",
    "The header names more than {limit} columns. Keep those to learn from.": "表头超过 {limit} 列。请只留下要学习的列。",
    "Most rows have more cells than there are columns ({width}), first row {row} (line {line}). Put texts that contain "
    "the separator in quotes, or check the header.": (
        "多数行的单元格比列数（{width}）多，从第 {row} 行（文件第 {line} 行）开始。请给含分隔符的文字加引号，或检查表头。"
    ),
    "The record that starts in line {line} cannot be read: {reason}. Quotes inside a quoted cell must be doubled, and "
    "every quote closed.": "从第 {line} 行开始的记录无法读取：{reason}。引号内的引号要写两个，每个引号都要成对。",
    "The JSON breaks in line {line}, column {column}, at row {row}: {reason}. Correct it there.": (
        "JSON 在第 {line} 行第 {column} 列（数据第 {row} 行）出错：{reason}。请在那里改正。"
    ),
    "The JSON holds too many values. Use a smaller part of it.": "JSON 里的值太多。请只用一部分。",
    "The JSON is {what}. Use a list of objects, one for each example.": "JSON 是{what}。请用对象的列表，每个示例一个。",
    "The JSON holds a number that is too long to read. Put it in quotes.": "JSON 里有太长的数字。请加上引号。",
    "The JSON holds several lists of rows ({names}). Keep one of them in the file.": "JSON 里有多个行列表（{names}）。请只留一个。",
    "Row {row} is {what} rather than an object.": "第 {row} 行是{what}，而不是对象。",
    "The JSON holds columns of different lengths. Give every column one value for each row.": (
        "JSON 各列长度不同。请让每列每行都有一个值。"
    ),
    "The file has more than {limit} rows. Split it and use a part.": "文件超过 {limit} 行。请拆开，只用一部分。",
    "The file has more than {limit} columns. Keep those to learn from.": "文件超过 {limit} 列。请只留下要学习的列。",
    "The file unfolds to too much text. Use a smaller part of it.": "文件展开后文字太多。请只用一部分。",
    "The workbook has no sheet with cells. Put the rows in its first sheet.": "工作簿里没有内容。请把数据放在第一张表。",
    "The workbook unfolds to too much. Save the sheet as CSV and upload that.": "工作簿展开后太大。请另存为 CSV 再上传。",
    "The Parquet file is damaged or cut off. Save it again and upload that.": "Parquet 文件损坏或不完整。请重新保存后上传。",
    "No columns to learn from were found. The file has: {columns}. Name them prompt and completion, question and "
    "answer, instruction and output, text and label, or just text.": (
        "没有找到可学习的列。文件里有：{columns}。请命名为 prompt 和 completion、question 和 answer、"
        "instruction 和 output、text 和 label，或只有 text。"
    ),
    "The format '{format}' is not known. Use one of: {known}.": "不认识格式“{format}”。请选择：{known}。",
    "No column was found for: {missing}. The file has: {columns}. Choose the columns, or rename them in the file.": (
        "没有找到这些列：{missing}。文件里有：{columns}。请选择列，或在文件里改名。"
    ),
    "The format {format} has no part '{role}'. Its parts are: {known}.": "格式 {format} 没有“{role}”这一部分。它有：{known}。",
    "There is no column '{column}'. The file has: {columns}.": "没有名为“{column}”的列。文件里有：{columns}。",
    "The repair '{kind}' is not known. Use: {known}.": "不认识修补“{kind}”。可用：{known}。",
    "The file has no rows. Add at least two examples and try again.": "文件里没有数据行。请至少加两个示例再试。",
    "Row {row}, column '{column}' holds {what}, which is not text. Leave that column out.": (
        "第 {row} 行“{column}”列是{what}，不是文字。请去掉这一列。"
    ),
    "Row {row} brings the file to more than {limit} columns. Keep only the columns to learn from.": (
        "到第 {row} 行，文件超过了 {limit} 列。请只留下要学习的列。"
    ),
    "Row {row}, column '{column}' nests lists more than {limit} deep. Flatten it.": (
        "第 {row} 行“{column}”列的嵌套超过 {limit} 层。请展平。"
    ),
    "Row {row}, column '{column}' holds a number that is too long. Put it in quotes.": (
        "第 {row} 行“{column}”列的数字太长。请加上引号。"
    ),
    "Row {row}, column '{column}' holds more than {limit} characters. Split it into several rows.": (
        "第 {row} 行“{column}”列超过 {limit} 个字符。请分成几行。"
    ),
    "The file unfolds to too much text by row {row}. Use a smaller part of it.": "到第 {row} 行，文件展开后文字太多。请只用一部分。",
    "The file '{name}' is empty. Add at least two examples and try again.": "文件“{name}”是空的。请至少加两个示例再试。",
    "The file '{name}' has {size} MB; {limit} MB is the most. Use a part of it.": (
        "文件“{name}”有 {size} MB，最多 {limit} MB。请只用一部分。"
    ),
    "The file '{name}' is compressed. Unpack it and upload what is inside.": "文件“{name}”是压缩的。请解压后上传里面的文件。",
    "The file '{name}' is of a kind that cannot be read. Use one of: {kinds}.": "文件“{name}”的类型无法读取。可用：{kinds}。",
    "'{name}' is a folder. Upload one file.": "“{name}”是文件夹。请上传一个文件。",
    "The file '{name}' is no longer there. Upload it again.": "文件“{name}”已经不在了。请重新上传。",
    "The file '{name}' cannot be opened. Upload it again.": "文件“{name}”打不开。请重新上传。",
    "The file '{name}' is of a kind that cannot be read. Save it as CSV.": "文件“{name}”的类型无法读取。请另存为 CSV。",
}

ADAPTER: dict[str, str] = {
    "The name '{adapter}' means no adapter. Choose another.": "“{adapter}”表示不用适配器。请换一个名字。",
    "With this adapter the model's numbers overflow, so it cannot be used.": "用了这个适配器，模型的数值会溢出，所以不能用。",
    "There is no adapter '{adapter}'. Choose another.": "没有适配器“{adapter}”。请另选一个。",
    "The name '{adapter}' is taken. Unload that adapter first.": "名字“{adapter}”已被占用。请先卸下那个适配器。",
    "The adapter is for another model: this one has no layer {layer}.": "适配器属于另一个模型：这个模型没有 {layer} 层。",
    "The adapter is for another model: its {layer} leads from {found_in} to {found_out} numbers, this model's from "
    "{wide} to {rows}.": (
        "适配器属于另一个模型：它的 {layer} 从 {found_in} 到 {found_out}，这个模型的从 {wide} 到 {rows}。"
    ),
    "The adapter's weights cannot be read. Save or download it again.": "适配器的权重无法读取。请重新保存或下载。",
    "The adapter takes {size} MiB of memory; at most {most} are there for adapters.": (
        "适配器要占 {size} MiB 内存，最多只有 {most} MiB 可用。"
    ),
    "There is no adapter '{adapter}' any more. Choose another.": "适配器“{adapter}”已经不在了。请另选一个。",
    "The adapter holds '{name}', which is not a LoRA weight. Save it without modules_to_save and without bias.": (
        "适配器里有“{name}”，它不是 LoRA 权重。请不带 modules_to_save 和 bias 重新保存。"
    ),
    "The adapter's weights are larger than {limit} MB.": "适配器的权重超过 {limit} MB。",
    "The adapter holds no weights.": "适配器里没有权重。",
    "The adapter holds more than {limit} weights.": "适配器里的权重超过 {limit} 个。",
    "The adapter uses DoRA ({name}), which cannot be swapped into a live model.": (
        "适配器用了 DoRA（{name}），不能换入运行中的模型。"
    ),
    "The adapter changes the embeddings ({name}); only LoRA on linear layers works.": (
        "适配器改变了词嵌入（{name}）；只支持线性层上的 LoRA。"
    ),
    "The LoRA of {module} is not a pair: lora_A or lora_B is missing.": "{module} 的 LoRA 不成对：缺 lora_A 或 lora_B。",
    "The LoRA of {module} does not fit together: rank {a} in lora_A, {b} in lora_B.": (
        "{module} 的 LoRA 对不上：lora_A 的秩是 {a}，lora_B 的是 {b}。"
    ),
    "The adapter holds two weights for {module}.": "适配器里 {module} 有两份权重。",
    "The weights of {module} are {dtype}; F32, F16 or BF16 are read.": "{module} 的权重是 {dtype}；只读 F32、F16 或 BF16。",
    "The LoRA of {module} does not belong to a linear layer.": "{module} 的 LoRA 不属于线性层。",
    "The adapter's weight '{name}' holds NaN or infinity: it would break every answer. It must be trained again.": (
        "适配器的权重“{name}”含有 NaN 或无穷大，会毁掉每个回答。必须重新训练。"
    ),
    "The adapter was made for another base model ({name}). Load that model to use it.": (
        "适配器属于另一个原模型（{name}）。请加载那个模型再用。"
    ),
    "The LoRA of {module} has rank {found}, but the configuration says {wanted}.": (
        "{module} 的 LoRA 秩是 {found}，配置里却是 {wanted}。"
    ),
    "{name} is a link rather than a file.": "{name} 是链接，不是文件。",
    "{name} is missing. An adapter in PEFT format has {config} and {weights}.": (
        "缺少 {name}。PEFT 格式的适配器有 {config} 和 {weights}。"
    ),
    "{file} has a value for {name} that cannot be used.": "{file} 里 {name} 的值不能用。",
    "{name} is not a JSON object. Save the adapter again.": "{name} 不是 JSON 对象。请重新保存适配器。",
    "The adapter is of the kind {kind}; only LORA can be used.": "适配器的类型是 {kind}；只能用 LORA。",
    "The adapter is made for {task}; only those for CAUSAL_LM, which writes text, can be used.": (
        "适配器是为 {task} 做的；只能用写文字的 CAUSAL_LM。"
    ),
    "The adapter changes biases (bias is '{value}'), which cannot be swapped into a live model.": (
        "适配器改变了偏置（bias 是“{value}”），不能换入运行中的模型。"
    ),
    "The adapter needs a changed base model (init_lora_weights is '{value}').": (
        "适配器需要改动过的原模型（init_lora_weights 是“{value}”）。"
    ),
    "The rank (r) must be a whole number from 1 to {limit}.": "秩（r）须是 1 到 {limit} 的整数。",
    "lora_alpha must be a number above 0 and at most 10,000.": "lora_alpha 须大于 0 且不超过 10,000。",
    "{name} is too long to be an adapter's configuration.": "{name} 太长，不像适配器的配置。",
    "{name} is not JSON. Save the adapter again.": "{name} 不是 JSON。请重新保存适配器。",
    "{file} holds '{name}', which is not known here. Save the adapter with PEFT 0.21.": (
        "{file} 里有这里不认识的“{name}”。请用 PEFT 0.21 保存适配器。"
    ),
    "The adapter uses {what} ({name}), which cannot be swapped into a live model.": (
        "适配器用了 {what}（{name}），不能换入运行中的模型。"
    ),
    "There is no adapter '{adapter}'. Choose one of yours, or '{base}'.": (
        "没有适配器“{adapter}”。请选你自己的，或“{base}”。"
    ),
    "You have {count} adapters, the most there can be. Delete one first.": "你已有 {count} 个适配器，到上限了。请先删除一个。",
    "You already have an adapter called '{name}'.": "你已有名为“{name}”的适配器。",
    "Give the adapter a name.": "请给适配器起个名字。",
    "The adapter's name must be 1 to {limit} ordinary characters on one line.": (
        "适配器的名字须为一行、1 到 {limit} 个普通字符。"
    ),
    "'{name}' means the model without an adapter. Choose another name.": "“{name}”表示不带适配器的模型。请换个名字。",
    "'{name}' looks like an adapter's id. Choose another name.": "“{name}”像适配器的编号。请换个名字。",
    "The zip holds more than {limit} files. Zip one adapter only.": "压缩包里超过 {limit} 个文件。请只压缩一个适配器。",
    "The zip must hold one {name}; it holds {count}.": "压缩包里须有一个 {name}，现在有 {count} 个。",
    "The zip holds '{name}', a link or a path that leads out of it.": "压缩包里的“{name}”是链接或指向外面的路径。",
    "The zip has a password. Zip the adapter without one.": "压缩包有密码。请不设密码重新压缩。",
    "The zip is larger than {limit} MB.": "压缩包超过 {limit} MB。",
    "The zip holds '{name}' twice.": "压缩包里有两个“{name}”。",
    "'{name}' in the zip is larger than {limit} KB.": "压缩包里的“{name}”超过 {limit} KB。",
}

WRONG = {**VISITOR, **TRAINING, **DATA, **ADAPTER}
