"""Chinese for what a training changed."""

LEARNT: dict[str, str] = {}

LEARNT |= {
    "Only {rows} examples could be asked that it never saw: too few to tell progress from chance, so compare the answers and judge for yourself.": "它没见过的例子只能问到 {rows} 条，太少了，分不清是进步还是碰巧；请对比回答，自己判断。",
    "On the {rows} examples that it never saw, it is right {after} times, the base model {before} times.": "在它从没见过的 {rows} 条例子上，它答对 {after} 条，基础模型答对 {before} 条。",
    "On the {rows} examples that it never saw, it is right {after} times, the base model {before} times: that may be no more than chance.": "在它从没见过的 {rows} 条例子上，它答对 {after} 条，基础模型答对 {before} 条：这可能只是碰巧。",
    "On the {rows} examples that it never saw, it is right only {after} times, the base model {before} times: it got worse.": "在它从没见过的 {rows} 条例子上，它只答对 {after} 条，基础模型答对 {before} 条：它变差了。",
    "On the {rows} examples that it never saw, its answers come closer to the wanted ones: {after} of 100, the base model {before} ({measure}).": "在它从没见过的 {rows} 条例子上，它的回答更接近想要的答案：满分 100，它得 {after}，基础模型得 {before}（{measure}）。",
    "On the {rows} examples that it never saw, its answers match the wanted ones at {after} of 100, the base model's at {before} ({measure}): that may be no more than chance.": "在它从没见过的 {rows} 条例子上，它的回答与想要的答案的吻合程度为 {after}（满分 100），基础模型为 {before}（{measure}）：这可能只是碰巧。",
    "On the {rows} examples that it never saw, its answers are further from the wanted ones: {after} of 100, the base model {before} ({measure}).": "在它从没见过的 {rows} 条例子上，它的回答离想要的答案更远：满分 100，它得 {after}，基础模型得 {before}（{measure}）。",
    "The {rows} texts that it never saw surprise it less: its perplexity is {after}, the base model's {before}.": "它从没见过的 {rows} 段文字更不让它意外：它的困惑度为 {after}，基础模型为 {before}。",
    "The {rows} texts that it never saw surprise it as before: its perplexity is {after}, the base model's {before}, which may be no more than chance.": "它从没见过的 {rows} 段文字和以前一样让它意外：它的困惑度为 {after}，基础模型为 {before}，差别可能只是碰巧。",
    "The {rows} texts that it never saw surprise it more: its perplexity is {after}, the base model's {before}.": "它从没见过的 {rows} 段文字更让它意外：它的困惑度为 {after}，基础模型为 {before}。",
    "It was best at step {best} of {last}; after that it memorized.": "它在第 {best} 步最好（共 {last} 步）；之后就是在死记硬背。",
    "It was best at step {best} of {last}; after that it learnt nothing more.": "它在第 {best} 步最好（共 {last} 步）；之后没有再学到什么。",
    "It was best at its last step, {last}, so longer studying may teach it more.": "它在最后一步（第 {last} 步）最好，学得更久也许还能学到更多。",
    "This is step {step}; on the examples set aside, step {best} of {last} did best.": "这是第 {step} 步；在留出的例子上，最好的是第 {best} 步（共 {last} 步）。",
    "None of the {count} built-in tasks that were tried got clearly worse.": "试过的 {count} 项内置任务都没有明显变差。",
    "It got worse at {worse} of the {count} built-in tasks that were tried.": "试过的 {count} 项内置任务中，它有 {worse} 项变差了。",
    "It got worse at telling little stories.": "它讲小故事变差了。",
    "It got worse at translating.": "它翻译变差了。",
    "It got worse at summarizing.": "它写摘要变差了。",
    "It got worse at judging the mood of a text.": "它判断文字的情绪变差了。",
    "It got worse at answering questions about a passage.": "它根据一段文字回答问题变差了。",
    "The training run '{name}' has kept nothing of step {step}. Choose another step.": "训练“{name}”没有保存第 {step} 步的结果。请选择别的步骤。",
}

LEARNT |= {
    "Other skills kept": "保住的其他能力",
    "of {count}": "共 {count} 项",
    "before": "之前",
    "now": "现在",
    "What else changed": "还有什么变了",
    "With {count} items each, only large losses show; none did.": "每项只有 {count} 题，只能看出大的退步；没有发现。",
    "Only the marked ones are more than chance. Turn the strength down there, or choose the base.": "只有标出的超出偶然。做这些时请调低强度，或选原模型。",
    "Watch it learn": "看它学习",
    "Step {step}": "第 {step} 步",
    "Stories": "故事",
    "The answers behind it": "背后的回答",
    "Gained most": "进步最大的",
    "Gained least": "进步最小的",
    "Which label was answered with which": "哪个标签被答成了哪个",
    "other": "其他",
}
