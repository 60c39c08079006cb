// Says so in words when the browser can't play the original.

for (const player of document.querySelectorAll("[data-player]")) {
  const video = player.querySelector("video");
  const refuse = () => {
    video.hidden = true;
    player.querySelector("[data-unplayable]").hidden = false;
  };
  if (video.error) refuse();
  else video.addEventListener("error", refuse, { once: true });
}
