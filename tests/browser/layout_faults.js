// What stands on two lines although it is one label, what is wider than the card that it is in, and an amount that is cut off.
() => {
  const lines = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const rects = [...range.getClientRects()].filter(({ width }) => width > 1).sort((a, b) => a.top - b.top);
    let [count, end] = [0, -Infinity];
    for (const { top, bottom } of rects) {
      if (top >= end - 2) count += 1;
      end = Math.max(end, bottom);
    }
    return count;
  };
  const right = (element) => element.getBoundingClientRect().right;
  const shown = (selector, without) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility() && !one.closest(without));
  const name = (one) => `${one.tagName} ${one.className} ${one.textContent.trim()}`;
  const labels = shown("label, [role=tab], .submit", ".visually-hidden").filter((one) => !one.querySelector("input"));
  const contents = shown(".card *", "svg, .visually-hidden, .toggle, [data-scrolls]");
  return [
    ...labels.filter((one) => lines(one) > 1).map((one) => `two lines: ${name(one)}`),
    ...contents.filter((one) => right(one) > right(one.closest(".card")) + 1).map((one) => `too wide: ${name(one)}`),
    ...shown(".result", "dialog").filter((one) => one.scrollWidth > one.clientWidth).map((one) => `cut off: ${name(one)}`),
    ...(document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : []),
  ];
}
