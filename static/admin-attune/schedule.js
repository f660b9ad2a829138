// Says in words what the chosen crontab means, below its menu.

const data = document.getElementById("readable-crontabs");
const choice = document.getElementById("id_crontab");
const help = document.querySelector(".field-crontab .help div") ?? document.querySelector(".field-crontab .help");

if (data && choice && help) {
  const words = JSON.parse(data.textContent);
  const said = document.createElement("strong");
  help.append(document.createElement("br"), said);
  const say = () => {
    said.textContent = words[choice.value] ?? "";
  };
  choice.addEventListener("change", say);
  // The window that adds a crontab changes the choice without an event of its own.
  window.django?.jQuery?.(choice).on("change", say);
  document.querySelector(".field-crontab_translation")?.setAttribute("hidden", "");
  say();
}
