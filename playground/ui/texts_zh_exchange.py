"""Chinese for bringing and taking adapters."""

EXCHANGE: dict[str, str] = {
    "The server's disk is full, so nothing was kept. Whoever runs this server must make room.": (
        "服务器磁盘已满，什么都没有保存。请让管理员腾出空间。"
    ),
    "The zip is packed in an unusual way. Zip the adapter's folder again, as an ordinary zip.": (
        "这个 zip 的压缩方式不常见。请把适配器文件夹重新压缩成普通的 zip。"
    ),
    "The adapter holds weights for {module}, which its configuration does not name as a target.": (
        "适配器里有 {module} 的权重，但它的配置没有把这一层列为目标。"
    ),
    "merged must be true or false.": "merged 必须是 true 或 false。",
    "Adapter": "适配器",
    "Whole model": "整个模型",
    "Adapter: {small} MB. Whole model: {large} MB.": "适配器：{small} MB。整个模型：{large} MB。",
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
