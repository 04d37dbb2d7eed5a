// What <vetrina-search> says, in English and Chinese.

const WORDS = {
  en: {
    words: "What are you looking for?",
    hint: "Words or a photo",
    photo: "Search with a photo",
    camera: "Take a photo",
    search: "Search",
    searching: "Searching…",
    your_photo: "Your photo",
    remove: "Remove the photo",
    region: "Search with object {n} in the photo",
    count: { one: "{n} product", other: "{n} products" },
    none: "Nothing found",
    no_exact: "None is surely the product in your photo; these come closest.",
    more: "Show more",
    band_exact: "Exact match",
    band_similar: "Similar",
    out_of_stock: "Out of stock",
    busy: "Too many searches at once. Try again in a moment.",
    failed: "That did not work. Try again.",
    offline: "The search cannot be reached. Try again.",
  },
  zh: {
    words: "您在找什么？",
    hint: "文字或照片",
    photo: "用照片搜索",
    camera: "拍照",
    search: "搜索",
    searching: "正在搜索…",
    your_photo: "您的照片",
    remove: "移除照片",
    region: "用照片中的第 {n} 个物品搜索",
    count: { other: "{n} 件商品" },
    none: "没有找到",
    no_exact: "没有确定与照片相同的商品，以下最为接近。",
    more: "显示更多",
    band_exact: "同款",
    band_similar: "相似",
    out_of_stock: "缺货",
    busy: "搜索过于频繁，请稍后再试。",
    failed: "出错了，请重试。",
    offline: "无法连接搜索服务，请重试。",
  },
};

/** The text for `key` in the language of the tag `lang` (English where it is not there), `{name}` filled from `values`. */
export function words(lang, key, values) {
  const language = /^zh/i.test(lang || "") ? "zh" : "en";
  let text = WORDS[language][key] ?? key;
  if (typeof text === "object") text = text[new Intl.PluralRules(language).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
