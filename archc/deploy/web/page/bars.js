/** Answers as bars: the most likely classes with their names and shares. */

const FEW_CLASSES = 10;
const SHOWN_OF_MANY = 5;
const percent = new Intl.NumberFormat("en", {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** The most likely classes, each {name, share}, the likeliest first. */
export function ranked(outputs, { output, is_probability: isProbability }, labels) {
  const values = outputs[output].data;
  const shares = isProbability ? Array.from(values) : softmax(values);
  const order = shares.map((_, index) => index).sort((a, b) => shares[b] - shares[a] || a - b);
  const count = order.length <= FEW_CLASSES ? order.length : SHOWN_OF_MANY;
  return order.slice(0, count).map((index) => ({
    name: labels[index] ?? `class ${index}`,
    share: shares[index],
  }));
}

export function asPercent(share) {
  return percent.format(share);
}

/** Draws them into a list, whose lines are kept from one answer to the next. */
export function drawBars(list, classes) {
  while (list.children.length > classes.length) list.lastElementChild.remove();
  while (list.children.length < classes.length) list.append(line());
  classes.forEach(({ name, share }, index) => {
    const [label, text, track] = list.children[index].children;
    label.textContent = name;
    text.textContent = asPercent(share);
    track.firstElementChild.style.width = `${100 * share}%`;
  });
}

function line() {
  const item = document.createElement("li");
  for (const kind of ["label", "share", "track"]) {
    const part = document.createElement("span");
    part.className = kind;
    item.append(part);
  }
  item.lastElementChild.setAttribute("aria-hidden", "true");
  const fill = document.createElement("span");
  fill.className = "fill";
  item.lastElementChild.append(fill);
  return item;
}

function softmax(values) {
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Array.from(values, (value) => Math.exp(value - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}
