"""Chinese for bringing and taking adapters."""

EXCHANGE: dict[str, str] = {
    "The server's disk is full, so nothing was kept. Whoever runs this server must make room.": (
        "服务器磁盘已满，什么都没有保存。请让管理员腾出空间。"
    ),
    "{file} has a regular expression for {name}, which is not run here. Save the adapter with layers' names there.": (
        "{file} 的 {name} 是正则表达式，这里不会运行它。请改用层的名称重新保存适配器。"
    ),
    "The file is not a zip, or it is damaged. Zip the adapter's folder again.": (
        "文件不是 zip，或已损坏。请把适配器文件夹重新压缩。"
    ),
    "The weights are in {name}, a format that can run foreign code. Save the adapter again with "
    "safe_serialization=True, as adapter_model.safetensors.": (
        "权重保存在 {name} 里，这种格式可以运行外来代码。请用 safe_serialization=True 重新保存为 "
        "adapter_model.safetensors。"
    ),
    "The adapter's weights are damaged or cut off. Save or download the adapter again.": (
        "适配器的权重已损坏或不完整。请重新保存或下载适配器。"
    ),
    "The zip is packed in an unusual way. Zip the adapter's folder again, as an ordinary zip.": (
        "这个 zip 的压缩方式不常见。请把适配器文件夹重新压缩成普通的 zip。"
    ),
    "The adapter holds weights for {module}, which its configuration does not name as a target.": (
        "适配器里有 {module} 的权重，但它的配置没有把这一层列为目标。"
    ),
    "repairs must be a list of names, as /inspect_dataset tells them.": (
        "repairs 必须是名称的列表，名称见 /inspect_dataset。"
    ),
    "merged must be true or false.": "merged 必须是 true 或 false。",
    "The file is larger than {limit} MB. Use a part of it.": "文件超过 {limit} MB。请只用其中一部分。",
    "The zip is larger than {limit} MB, more than an adapter of this model can take.": (
        "zip 超过 {limit} MB，这个模型的适配器不会有这么大。"
    ),
    "You have sent {size} GB within a day, the most there can be. Try again tomorrow.": (
        "你在一天内已发送 {size} GB，达到上限。请明天再试。"
    ),
    "The server has no room for more files now. Try again in some hours.": "服务器现在放不下更多文件。请过几小时再试。",
    "Send the file itself: an address in its place is not fetched.": "请发送文件本身：不会按网址去下载。",
    "Adapter": "适配器",
    "Whole model": "整个模型",
    "Adapter: {small} MB. Whole model: {large} MB.": "适配器：{small} MB。整个模型：{large} MB。",
    "Adapter: {small} MB.": "适配器：{small} MB。",
    "for another model: {name}": "属于另一个模型：{name}",
    "The adapter '{adapter}' is for the model {wanted}, but {loaded} is loaded. Load {wanted}, or choose another "
    "adapter.": "适配器“{adapter}”属于模型 {wanted}，但加载的是 {loaded}。请加载 {wanted}，或另选一个适配器。",
    "The adapter '{adapter}' is for other weights of {loaded} than those that are loaded. Load the ones it was made "
    "for, or choose another adapter.": (
        "适配器“{adapter}”属于 {loaded} 的另一套权重，不是现在加载的这套。请加载原来的那套，或另选一个适配器。"
    ),
    "It was neither switched on nor measured. {reason}": "它没有被启用，也没有被测量。{reason}",
    "Getting ready to put the whole model together…": "正在准备合成整个模型…",
    "Putting the whole model together: {percent} %": "正在合成整个模型：{percent} %",
    "Another whole model is being put together. Try again in some minutes.": "另一个完整模型正在合成。请过几分钟再试。",
    "The whole model would be {size} GB; at most {most} GB can be downloaded. Download the adapter alone.": (
        "整个模型有 {size} GB；最多可下载 {most} GB。请只下载适配器。"
    ),
    "The server's disk has no room for the whole model, which takes {size} GB. Download the adapter alone.": (
        "服务器磁盘放不下整个模型（{size} GB）。请只下载适配器。"
    ),
    "The server has too little free memory to put the whole model together. Try again later, or download the adapter "
    "alone.": "服务器空闲内存不足，无法合成整个模型。请稍后再试，或只下载适配器。",
    "The whole model could not be put together; the details are in the server's log under {id}. Download the adapter "
    "alone.": "无法合成整个模型；详情见服务器日志，编号 {id}。请只下载适配器。",
    "The files of the base model cannot be read as safetensors, so no whole model can be made. Download the adapter "
    "alone.": "原模型的文件无法按 safetensors 读取，因此无法合成整个模型。请只下载适配器。",
    "The adapter changes {layer}, which the base model's files do not hold as a weight of its own. Download the "
    "adapter alone.": "适配器改动了 {layer}，而原模型的文件里没有单独保存这一层的权重。请只下载适配器。",
}
