/**
 * A number for a person, with one digit after the decimal sign at most: `7.1`, in German `7,1`.
 */
export function formatNumber(value: number): string {
  return numbers().format(value);
}

/**
 * A moment for a person.
 *
 * @param moment - As the server writes it.
 */
export function formatMoment(moment: string): string {
  return moments().format(new Date(moment));
}

const numbers = perLanguage(
  language =>
    new Intl.NumberFormat(language, {
      maximumFractionDigits: 1,
      useGrouping: false
    })
);

const moments = perLanguage(
  language =>
    new Intl.DateTimeFormat(language, {
      dateStyle: 'medium',
      timeStyle: 'medium'
    })
);

/** What is made once for the language of JupyterLab, which need not be the browser's. */
function perLanguage<T>(make: (language: string) => T): () => T {
  const made = new Map<string, T>();
  return () => {
    const language = document.documentElement.lang || 'en';
    let one = made.get(language);
    if (one === undefined) {
      one = make(language);
      made.set(language, one);
    }
    return one;
  };
}
