/** Which language of a variant to show: the twin of engine/locales.py. */

const MAX_RANGES = 20; // of one header
const RANGE = /^([a-z]{1,8}(?:-[a-z0-9]{1,8})*)(?:;q=([01](?:\.[0-9]{0,3})?))?$/;

/**
 * @param {string} asked a language tag, or a whole Accept-Language header.
 * @param {string[]} offered
 * @param {string} instead when nothing fits.
 * @returns {string} as it is spelt among what is offered.
 */
export function chosenLocale(asked, offered, instead) {
  const known = new Map([instead, ...offered].map((locale) => [locale.toLowerCase(), locale]));
  const ranges = asked.toLowerCase().replaceAll("_", "-").replace(/[ \t]/g, "").split(",").slice(0, MAX_RANGES);
  const wanted = ranges.flatMap((range) => {
    const [, tag, weight = "1"] = RANGE.exec(range) ?? [];
    return tag && Number(weight) ? [{ tag, weight }] : [];
  });
  for (const { tag } of wanted.sort((a, b) => b.weight - a.weight)) {
    const parts = tag.split("-");
    while (parts.length) {
      const found = known.get(parts.join("-"));
      if (found) return found;
      parts.pop();
      if (parts.at(-1)?.length === 1) parts.pop();
    }
  }
  return instead;
}

/** @returns {[string | null, object]} the language a variant is shown in, and the variant in it. */
export function localized(block, variant, asked) {
  if (!block.locale) return [null, variant];
  const { locales = {} } = variant;
  const locale = chosenLocale(asked, Object.keys(locales), block.locale);
  const own = Object.hasOwn(locales, locale) ? locales[locale] : {};
  const { template = variant.template } = own;
  return [locale, { ...variant, template, fields: { ...variant.fields, ...own.fields } }];
}
