# SPDX-License-Identifier: Apache-2.0
"""How the view looks and behaves in the browser: nothing enters; its style and its script, as texts, leave."""

STYLE = """
.leadline-view { margin: 0 auto; user-select: none; width: min(100%, max(240px, 60vh * var(--ratio, 1.5))); }
.leadline-view .stage { position: relative; overflow: hidden; width: 100%;
  cursor: crosshair; touch-action: none; border-radius: 6px; background: #808080; }
.leadline-view .stage img { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; max-width: none; }
.leadline-view .stage img.numbers { display: none; }
.leadline-view .photo { clip-path: inset(0 calc(100% - var(--cut, 50%)) 0 0); }
.leadline-view .divider { position: absolute; top: 0; bottom: 0; left: var(--cut, 50%); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px rgb(0 0 0 / 70%); pointer-events: none; }
.leadline-view .readout { position: absolute; padding: 2px 8px; border-radius: 4px; font-size: 14px; white-space: nowrap;
  color: #fff; background: rgb(0 0 0 / 78%); pointer-events: none; visibility: hidden; }
.leadline-view .mark { position: absolute; width: 20px; height: 20px; margin: -10px; border: 2px solid #fff;
  border-radius: 50%; font: 600 11px/16px system-ui, sans-serif; text-align: center; color: #fff;
  background: rgb(200 30 60 / 85%); pointer-events: none; }
.leadline-view .slider { display: block; width: 100%; margin: 8px 0 10px; }
.leadline-view .title { display: flex; justify-content: space-between; font-size: 13px; margin-bottom: 3px; }
.leadline-view .bar { height: 16px; border-radius: 3px; border: 1px solid rgb(128 128 128 / 60%); }
.leadline-view .ticks { position: relative; height: 22px; font-size: 12px; }
.leadline-view .ticks span { position: absolute; transform: translateX(-50%); white-space: nowrap; padding-top: 5px; }
.leadline-view .ticks span::before { content: ""; position: absolute; left: 50%; top: 0; height: 5px;
  border-left: 1px solid currentcolor; }
.leadline-view figcaption { font-size: 13px; opacity: .8; text-align: center; }
"""

# ``element`` and ``trigger`` are given by the page; listeners sit on the element, for the view inside is replaced.
BEHAVIOUR = """
const decoded = new WeakMap();
let cut = 50;

function numbersOf(view) {
  if (decoded.has(view)) return decoded.get(view);
  const image = view.querySelector('.numbers');
  if (!image.complete || !image.naturalWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext('2d', {willReadFrequently: true, colorSpace: 'srgb'});
  context.drawImage(image, 0, 0);
  const found = {facts: JSON.parse(view.dataset.facts), width: canvas.width, height: canvas.height,
                 bytes: context.getImageData(0, 0, canvas.width, canvas.height).data};
  decoded.set(view, found);
  return found;
}

function place(stage, event, size) {
  const box = stage.getBoundingClientRect();
  const inside = (part, whole, count) => Math.max(0, Math.min(count - 1, Math.floor(part / whole * count)));
  return {x: inside(event.clientX - box.left, box.width, size.width),
          y: inside(event.clientY - box.top, box.height, size.height), box};
}

function say(stage, event) {
  const view = stage.closest('.leadline-view');
  const numbers = numbersOf(view);
  if (!numbers) return;
  const at = place(stage, event, numbers);
  const start = 4 * (at.y * numbers.width + at.x);
  const [high, low, valid] = numbers.bytes.slice(start, start + 3);
  const facts = numbers.facts;
  const value = facts.low + (256 * high + low) * facts.step;
  const readout = stage.querySelector('.readout');
  readout.textContent = valid < 128 ? 'no depth here'
    : Number(value.toPrecision(3)) + (facts.unit ? ' ' + facts.unit : ' (no unit)');
  readout.style.visibility = 'visible';
  const left = event.clientX - at.box.left, top = event.clientY - at.box.top;
  readout.style.left = Math.min(left + 14, at.box.width - readout.offsetWidth - 2) + 'px';
  readout.style.top = Math.max(2, top - readout.offsetHeight - 10) + 'px';
}

function applyCut(view) {
  view.style.setProperty('--cut', cut + '%');
  const slider = view.querySelector('.slider');
  if (slider) slider.value = cut;
}

element.addEventListener('pointermove', event => {
  const stage = event.target.closest('.stage');
  if (stage) say(stage, event);
});
element.addEventListener('pointerout', event => {
  const stage = event.target.closest('.stage');
  if (stage && !stage.contains(event.relatedTarget)) stage.querySelector('.readout').style.visibility = 'hidden';
});
element.addEventListener('input', event => {
  if (!event.target.classList.contains('slider')) return;
  cut = Number(event.target.value);
  applyCut(event.target.closest('.leadline-view'));
});
element.addEventListener('click', event => {
  const stage = event.target.closest('.stage');
  if (!stage) return;
  const facts = JSON.parse(stage.closest('.leadline-view').dataset.facts);
  const at = place(stage, event, facts);
  trigger('select', {x: at.x, y: at.y});
});
watch('value', () => {
  const view = element.querySelector('.leadline-view');
  if (view) applyCut(view);
});
"""
