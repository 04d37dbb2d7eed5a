// Money, stock and names as a shopper reads them.

import { locale, t } from "./i18n.js";

/** `{amount, currency}` in the reader's form. The amount stays a decimal text: `Intl` formats it without rounding through a float. */
export function money(price) {
  if (!price || price.amount === undefined) return null;
  if (!price.currency) return new Intl.NumberFormat(locale(), { minimumFractionDigits: 2 }).format(price.amount);
  try {
    const whole = /^\d+(\.0+)?$/.test(price.amount);
    return new Intl.NumberFormat(locale(), {
      style: "currency",
      currency: price.currency,
      currencyDisplay: "narrowSymbol",
      ...(whole ? { trailingZeroDisplay: "stripIfInteger" } : {}),
    }).format(price.amount);
  } catch {
    return `${price.amount} ${price.currency}`; // not an ISO 4217 code
  }
}

/** What the shopper can do about buying it: `{kind, text}`; `kind` is `yes`, `few`, `later` or `no`. */
export function stock(product) {
  const kind = { out_of_stock: "no", preorder: "later", backorder: "later" }[product.availability];
  if (kind) return { kind, text: t(product.availability) };
  if (product.stock !== undefined && product.stock !== null && product.stock <= 0) return { kind: "no", text: t("out_of_stock") };
  if (product.stock > 0 && product.stock <= 5) return { kind: "few", text: t("low_stock", { n: product.stock }) };
  return { kind: "yes", text: t("in_stock") };
}

/** An attribute's value as text: lists with commas, flags as yes and no. */
export function attributeText(value) {
  if (Array.isArray(value)) return value.map(attributeText).join(", ");
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (typeof value === "number") return new Intl.NumberFormat(locale()).format(value);
  return String(value);
}

/** "screen_size" reads "Screen size". */
export function attributeName(name) {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toLocaleUpperCase(locale()) + words.slice(1);
}

/** When something was, in words: "3 minutes ago". */
export function ago(time) {
  const seconds = (time - Date.now()) / 1000;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  for (const [unit, size] of units) if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  return relative.format(0, "minute");
}
