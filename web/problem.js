// Problems in plain words.

import { t } from "./i18n.js";

/** What to tell about a Problem of api.js: `{title, text}` in plain words; the server's own detail where it has one. */
export function explain(problem) {
  if (problem.kind === "offline") return { title: t("offline_title"), text: t("offline_text") };
  if (problem.kind === "slow") return { title: t("slow_title"), text: t("slow_text") };
  if (problem.status === 503 && (!problem.code || ["busy", "starting"].includes(problem.code))) return { title: t("busy_title"), text: t("busy_text") };
  const text = problem.detail || problem.title || problem.message;
  return { title: problem.title && problem.detail ? problem.title : t("error_title"), text };
}
