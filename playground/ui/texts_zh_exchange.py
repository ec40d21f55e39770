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
}
