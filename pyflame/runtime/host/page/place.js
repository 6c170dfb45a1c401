// The place in a run, kept behind the # of the page's address: reloading keeps it, links share it.

// What is shown, as text like "time=120&pe=3,3&from=0&to=500".
function placeOf(app) {
  const { view, run } = app, place = new URLSearchParams();
  if (app.runs.length > 1) place.set("run", run.id + 1);
  place.set("time", Math.round(view.time));
  if (view.from > 0 || view.to < run.cycles) {
    place.set("from", Math.round(view.from));
    place.set("to", Math.round(view.to));
  }
  if (view.pe >= 0) place.set("pe", `${view.pe % run.width},${Math.floor(view.pe / run.width)}`);
  if (view.mode !== "activity") place.set("mode", view.mode);
  if (view.color !== "none") place.set("color", view.color);
  if (view.position !== "now") place.set("position", view.position);
  if (app.inspector.tab !== "summary") place.set("tab", app.inspector.tab);
  return place.toString().replaceAll("%2C", ",");
}

// Show the place of the address; what it does not say or cannot be stays as it is.
function goToPlace(app) {
  const place = new URLSearchParams(location.hash.slice(1));
  const number = (name) => {
    const value = place.get(name);
    return value !== null && /^\d{1,12}$/.test(value) ? Number(value) : null;
  };
  const run = number("run");
  if (run !== null && app.runs[run - 1]) app.choose(run - 1);
  if (number("from") !== null && number("to") !== null) app.show(number("from"), number("to"));
  const [x, y] = (/^\d{1,6},\d{1,6}$/.test(place.get("pe") || "") ? place.get("pe") : "-1,-1").split(",").map(Number);
  if (x >= 0 && x < app.run.width && y < app.run.height) app.choosePe(y * app.run.width + x, false);
  for (const [name, id] of [["mode", "mode"], ["color", "route-color"], ["position", "route-position"]]) {
    const select = document.getElementById(id), value = place.get(name);
    if (value === null || ![...select.options].some((option) => option.value === value)) continue;
    select.value = value;
    select.dispatchEvent(new Event("change"));
  }
  const tab = place.get("tab");
  if (["summary", "pe", "memory", "source"].includes(tab)) app.inspector.open(tab);
  if (number("time") !== null) app.setTime(number("time"));
}
