"""Chinese for checking a file of examples."""

REPAIRS: dict[str, str] = {
    "Row {row} names a column by a number that is too long. Put it in quotes.": (
        "第 {row} 行用过长的数字作列名。请给它加上引号。"
    ),
    "Leave out empty rows: {count} ({listed})": "去掉空行：{count} 行（{listed}）",
    "Leave out rows without a letter or a number: {count} ({listed})": "去掉没有文字和数字的行：{count} 行（{listed}）",
    "Write stray line ends (\\r) as plain ones in rows: {count} ({listed})": "把多余的换行符（\\r）改为普通换行：{count} 行（{listed}）",
    "Trim stray spaces in rows: {count} ({listed})": "去掉首尾多余的空格：{count} 行（{listed}）",
    "Mend chats with a missing turn: {count} ({listed})": "修补缺少一轮的对话：{count} 个（{listed}）",
    "Write labels that differ only in case the same way in rows: {count} ({listed})": (
        "统一只有大小写不同的标签：{count} 行（{listed}）"
    ),
    "Leave out repeated rows: {count} ({listed})": "去掉重复的行：{count} 行（{listed}）",
    "left out, same as row {row}": "去掉，与第 {row} 行相同",
    "(empty)": "（空）",
    "and {count} more": "还有 {count} 处",
}

NOTICES: dict[str, str] = {
    "A comma too many before a closing bracket was passed over (first in line {line}).": (
        "右括号前多了逗号，已忽略（首次在文件第 {line} 行）。"
    ),
    "Above the names of the columns stand other lines: {count}. They were left out.": (
        "列名上面还有别的内容：{count} 行，没有采用。"
    ),
    "Cells under no heading are left out in rows: {count}. Name the column in the first row to use them.": (
        "没有表头的单元格没有采用：{count} 行。要用它们，请在第一行写上列名。"
    ),
    "Chats whose last question has no answer: {count} (first row {row}). It is left out.": (
        "最后一问没有回答的对话：{count} 个（从第 {row} 行起）。这一问没有采用。"
    ),
    "Every row holds a list of rows under '{name}'; those are read, {count} in all.": (
        "每行的“{name}”里各有一组行；读取的是它们，共 {count} 行。"
    ),
    "Lines that end in a comma were read without it (first row {row}).": "行末的逗号已忽略（从第 {row} 行起）。",
    "Lines that are Python dictionaries, not JSON: {count} (first row {row}). They were read as such.": (
        "有 {count} 行是 Python 字典而不是 JSON（从第 {row} 行起），已照此读取。"
    ),
    "Noticed in the file": "文件里注意到的",
    "No column has a name that is known here. Choose which is which; below is how the file begins.": (
        "这里不认识这些列名。请选择哪一列是什么；下面是文件的开头。"
    ),
    "How the file begins": "文件的开头",
    "{usable} of {count} examples can be used, read as {format}": "{count} 个示例中 {usable} 个可用，读作：{format}",
    "All questions are in, as a list": "所有提问（列表）在哪一列",
    "All answers are in, as a list": "所有回答（列表）在哪一列",
    "Only the sheet '{sheet}' is read.": "只读取工作表“{sheet}”。",
    "Questions that the passage does not answer: {count} (first row {row}). It learns to say so.": (
        "段落里没有答案的问题：{count} 个（从第 {row} 行起）。模型会学着说段落没有提到。"
    ),
    "Quotes within cells have a backslash before them. They were read as such.": (
        "单元格里的引号前有反斜杠，已按引号读取。"
    ),
    "Remarks, which JSON does not know, were passed over (first in line {line}).": (
        "JSON 里不该有的注释已忽略（首次在文件第 {line} 行）。"
    ),
    "Row {row} (line {line}) has {count} cells, but there are {width} columns; it is left out. Put texts that contain "
    "the separator in quotes.": (
        "第 {row} 行（文件第 {line} 行）有 {count} 个单元格，但只有 {width} 列，没有采用。请给含分隔符的文字加引号。"
    ),
    "Row {row} (line {line}) has only {count} of {width} cells; the others count as empty.": (
        "第 {row} 行（文件第 {line} 行）只有 {width} 个单元格中的 {count} 个，其余按空值处理。"
    ),
    "More rows like row {row} follow.": "后面还有与第 {row} 行类似的行。",
    "NaN or Infinity is not a value to learn from and counts as empty (first in row {row}).": (
        "NaN 或无穷大不能用来学习，按空值处理（首次在第 {row} 行）。"
    ),
    "Some characters cannot be read and were replaced by \ufffd (first in row {row}).": (
        "有些字符无法读取，已换成 \ufffd（首次在第 {row} 行）。"
    ),
    "Spaces around the names of columns were left out.": "列名首尾的空格已去掉。",
    "The cells are separated by {separator} rather than {usual}. The file was read like that.": (
        "单元格之间用的是 {separator}，而不是 {usual}，已照此读取。"
    ),
    "The column '{column}' holds binary data such as pictures. It was left out.": (
        "“{column}”列是图片之类的二进制数据，没有采用。"
    ),
    "The file is called {kind}, but it holds {found}. It was read as such.": (
        "文件名说是 {kind}，里面其实是 {found}，已照此读取。"
    ),
    "The first line is an example, so no column has a name. They are called {names}.": (
        "第一行已经是示例，所以各列没有名字，这里称为 {names}。"
    ),
    "The file begins with a byte-order mark, which is no part of the text. It was left out.": (
        "文件以字节顺序标记（BOM）开头，它不属于文字，已去掉。"
    ),
    "The file ends in the middle of a character, as if cut off. That character is left out.": (
        "文件在一个字符中间结束，像是被截断了。这个字符没有采用。"
    ),
    "The file ends in the middle of a row, as if cut off. That row is left out.": (
        "文件在一行数据中间结束，像是被截断了。这一行没有采用。"
    ),
    "The file ends too early, as if cut off. Every row in it is whole.": "文件结束得太早，像是被截断了。里面的每一行都是完整的。",
    "The file holds {count} pieces of JSON one after another. All were read.": "文件里接连有 {count} 段 JSON，全部读取了。",
    "The file is in {encoding}. It was read as such.": "文件的编码是 {encoding}，已照此读取。",
    "The file is not in UTF-8; it was read as {encoding}. Check the preview for odd characters.": (
        "文件不是 UTF-8 编码，已按 {encoding} 读取。请在预览中看看有没有乱码。"
    ),
    "The file is written as Python, not as JSON. It was read as such.": "文件是按 Python 写的，不是 JSON，已照此读取。",
    "The lines end in {sign}, as on Windows or an old Mac. They were read as plain line ends.": (
        "每行以 {sign} 结尾（Windows 或旧 Mac 的写法），已按普通换行读取。"
    ),
    "The texts in column '{column}' hold data and were read as such in rows: {count}.": (
        "“{column}”列的文字里是数据，已照此读取：{count} 行。"
    ),
    "What stands in '{worse}' is not used: only '{chosen}' is learnt.": ("“{worse}”列没有采用：只学习“{chosen}”列。"),
    "Two columns are called '{name}'; the later is shown as '{new}'.": "有两列都叫“{name}”；后一列显示为“{new}”。",
}

UNUSABLE: dict[str, str] = {
    " Row {row}: {reason}": "第 {row} 行：{reason}",
    "Message {place} holds something other than text.": "第 {place} 条消息里有文字以外的内容。",
    "Message {place} is empty or is not text.": "第 {place} 条消息是空的，或不是文字。",
    "Message {place} is not an object with a role and a content.": "第 {place} 条消息不是带有角色和内容的对象。",
    "Message {place} is said by '{said}'; only user, assistant and system are known.": (
        "第 {place} 条消息出自“{said}”；只认识 user、assistant 和 system。"
    ),
    "The assistant says nothing in this conversation.": "这段对话里助手什么也没说。",
    "The column '{column}' holds a list rather than text.": "“{column}”列里是列表，不是文字。",
    "The column '{column}' is empty.": "“{column}”列是空的。",
    "The conversation is empty or is not a list of messages.": "对话是空的，或不是消息列表。",
    "The lists of questions and answers differ in length.": "提问和回答两个列表长度不同。",
    "The user and the assistant do not take turns in this conversation, starting with the user.": (
        "这段对话没有从用户开始一问一答。"
    ),
}

UNREADABLE: dict[str, str] = {
    "Every column holds binary data such as pictures. Upload a file with texts.": (
        "每一列都是图片之类的二进制数据。请上传有文字的文件。"
    ),
    "Only {count} of the {rows} rows can be used, and at least {least} are needed.{first}": (
        "{rows} 行中只有 {count} 行可用，至少需要 {least} 行。{first}"
    ),
    "The file '{name}' is a web page, perhaps one that asks for a password. Download the data again.": (
        "文件“{name}”是网页，也许是要求登录的页面。请重新下载数据。"
    ),
    "The file '{name}' is a {kind}, a kind that cannot be read. Copy its text into a TXT file or a table.": (
        "文件“{name}”是 {kind}，这种文件无法读取。请把其中的文字复制到 TXT 文件或表格里。"
    ),
    "The file '{name}' is of an old kind of Excel or Word, or has a password. Save it as XLSX without a password, or as "
    "CSV.": "文件“{name}”是旧版 Excel 或 Word，或有密码。请存为没有密码的 XLSX，或存为 CSV。",
    "The file '{name}' is only a pointer to the real one (Git LFS). Download that and upload it.": (
        "文件“{name}”只是指向真正文件的指针（Git LFS）。请下载真正的文件再上传。"
    ),
    "By row {row} the file holds more than {limit} values. Use a smaller part of it.": (
        "到第 {row} 行，文件里的值超过了 {limit} 个。请只用一部分。"
    ),
    "Line {line} is not a JSON object ({reason}). Correct or remove that line.": (
        "文件第 {line} 行不是 JSON 对象（{reason}）。请改正或删去这一行。"
    ),
    "The JSON nests too deep to be a dataset. Use a list of objects, one for each example.": (
        "JSON 嵌套太深，不像数据集。请用对象的列表，每个示例一个。"
    ),
    "The text cannot be read: line {line} is not in UTF-8. Save the file as UTF-8 and upload it again.": (
        "文字无法读取：文件第 {line} 行不是 UTF-8。请存为 UTF-8 再上传。"
    ),
    "This is not a text file. Upload CSV, TSV, JSON, JSONL, TXT, Parquet or XLSX.": (
        "这不是文本文件。请上传 CSV、TSV、JSON、JSONL、TXT、Parquet 或 XLSX。"
    ),
    "This is not an Excel workbook, or it is damaged. Save it as XLSX or CSV.": (
        "这不是 Excel 工作簿，或已损坏。请存为 XLSX 或 CSV。"
    ),
    "a cell is too long, or a quote never closes": "单元格太长，或引号没有成对",
    "a comma is left over, or a row is unfinished": "多了一个逗号，或有一行没写完",
    "a quote opens there and never closes": "那里的引号没有成对",
    "a quote stands where none may be": "不该有引号的地方有引号",
    "it ends too early": "结束得太早",
    "it holds a number that is too long": "里面有太长的数字",
    "it is {what}": "它是{what}",
    "the file ends too early, as if cut off": "文件结束得太早，像是被截断了",
    "{what} at character {place}": "第 {place} 个字符：{what}",
    "an object": "对象",
    "a list": "列表",
    "a text": "文字",
    "a number": "数字",
    "true or false": "真假值",
    "null": "空值",
    "something is missing or not in double quotes": "缺少内容，或没有用双引号括起",
    "a comma is missing, or a quote within a text has no backslash before it": "缺少逗号，或文字里的引号前少了反斜杠",
    "a colon is missing": "缺少冒号",
    "a name is missing or not in double quotes": "名称缺少，或没有用双引号括起",
    "a text holds a line break or another sign that must be written with a backslash": "文字里有换行等必须用反斜杠写的符号",
    "Invalid \\escape": "反斜杠用错了",
    "Invalid \\uXXXX escape": "\\u 编码写错了",
    "Extra data": "后面有多余的内容",
}

FIT: dict[str, str] = {
    "Row {row}: {reason}": "第 {row} 行：{reason}",
    "The answer begins only after the first {limit} tokens.": "回答要到 {limit} 个词元之后才开始。",
    "There is nothing in it to learn.": "里面没有可以学习的内容。",
    "{count} are left out, because their answers begin only after {limit} places.": (
        "{count} 个没有采用，因为回答要到 {limit} 个位置之后才开始。"
    ),
    "{count} texts are longer than {limit} places: they are learnt whole, in {pieces} pieces.": (
        "{count} 段文字超过 {limit} 个位置：分成 {pieces} 段，全部学习。"
    ),
    "Measured on {count} of the {total} examples.": "在 {total} 个示例中量了 {count} 个。",
    "This is the first of {count} pieces; all of them are learnt.": "这是 {count} 段中的第一段；每一段都会学习。",
    "The answer begins only after {limit} places, so this example is left out.": (
        "回答要到 {limit} 个位置之后才开始，所以这个示例没有采用。"
    ),
    "Cut off here: it takes {length} places, and {limit} fit.": "在这里截断：它占 {length} 个位置，只容得下 {limit} 个。",
}

DATA: dict[str, str] = {**REPAIRS, **NOTICES, **UNUSABLE, **UNREADABLE, **FIT}
