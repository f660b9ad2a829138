// Works out how large an experiment has to be, from what the form says and what is measured.

const panel = document.getElementById("power");

const token = () => document.querySelector("input[name=csrfmiddlewaretoken]").value;
const value = (id) => document.getElementById(`id_${id}`)?.value ?? "";

function rows(prefix) {
  const total = Number(value(`${prefix}-TOTAL_FORMS`)) || 0;
  const found = [];
  for (let place = 0; place < total; place += 1) {
    const gone = document.getElementById(`id_${prefix}-${place}-DELETE`)?.checked;
    if (!gone) found.push(place);
  }
  return found;
}

function question() {
  const goals = rows("goals").filter((place) => value(`goals-${place}-role`) === "goal" && value(`goals-${place}-metric`));
  return {
    placement: panel.dataset.placement,
    metric: goals.length ? value(`goals-${goals[0]}-metric`) : "",
    goals: goals.length,
    arms: rows("arms").filter((place) => value(`arms-${place}-variant`) || value(`arms-${place}-name`)).length,
    mde: value("mde_relative"),
    baseline: value("baseline"),
    alpha: value("alpha"),
    power: value("power"),
    looking: value("looking"),
    looks: value("looks"),
    coverage: value("coverage"),
    layer_share: value("layer") ? value("layer_share") : "100",
  };
}

async function ask(answer, take) {
  answer.textContent = "Measuring…";
  take.hidden = true;
  try {
    const response = await fetch(panel.dataset.power, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": token() },
      body: JSON.stringify(question()),
    });
    const told = await response.json();
    if (!response.ok) {
      answer.textContent = told.message ?? "This could not be worked out.";
      return;
    }
    answer.innerHTML = told.html;
    if (told.per_arm && document.getElementById("id_per_arm")) {
      take.hidden = false;
      take.onclick = () => {
        document.getElementById("id_per_arm").value = told.per_arm;
        const baseline = document.getElementById("id_baseline");
        if (baseline && !baseline.value && told.baseline) baseline.value = Number(told.baseline.toPrecision(4));
        take.hidden = true;
        document.getElementById("id_per_arm").focus();
      };
    }
  } catch {
    answer.textContent = "The server could not be reached. Try again.";
  }
}

function start() {
  const answer = panel.querySelector(".power-answer");
  const line = panel.querySelector(".confirm-row") ?? panel.appendChild(Object.assign(document.createElement("p"), { className: "confirm-row" }));
  line.querySelector(".power-ask")?.remove();
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button power-now", textContent: "Work it out" });
  const take = Object.assign(document.createElement("button"), { type: "button", className: "button quiet-button", textContent: "Plan this size", hidden: true });
  line.append(button, take);
  button.addEventListener("click", () => ask(answer, take));
}

if (panel) start();
