// Writes what the shopper ticked in the little filter language of docs/api.md.

/** A text as the filter language quotes it. */
export const quote = (text) => `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;

/** The filter expression of a state, or "" when nothing is set. */
export function filterOf({ category = [], brand = [], colour = [], notBrand = "", min = "", max = "", stock = false }) {
  const parts = [oneOf("category", category), oneOf("brand", brand), oneOf("colour", colour)];
  if (notBrand) parts.push(`NOT brand = ${quote(notBrand)}`);
  if (isAmount(min)) parts.push(`price >= ${Number(min)}`);
  if (isAmount(max)) parts.push(`price <= ${Number(max)}`);
  if (stock) parts.push("in_stock");
  return parts.filter(Boolean).join(" AND ");
}

const isAmount = (text) => text !== "" && Number.isFinite(Number(text)) && Number(text) >= 0;

function oneOf(field, values) {
  if (values.length === 0) return "";
  if (values.length === 1) return `${field} = ${quote(values[0])}`;
  return `${field} IN [${values.map(quote).join(", ")}]`;
}
