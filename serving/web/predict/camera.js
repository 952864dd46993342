// Taking a photograph with the camera of this device.

import { html, useEffect, useRef, useState } from "../html.js";

// `onPhoto` gets the picture as a file, or null where none was taken; the camera is off afterwards.
export function Camera({ onPhoto }) {
  const dialog = useRef();
  const video = useRef();
  const photo = useRef(null);
  const [state, setState] = useState({});

  useEffect(() => {
    let stream;
    let here = true;
    dialog.current.showModal();
    look().then(
      (found) => {
        stream = found;
        if (!here) return off(stream);
        video.current.srcObject = stream;
      },
      (error) => here && setState({ problem: REASONS[error.name] ?? "The camera cannot be used." }),
    );
    return () => {
      here = false;
      off(stream);
    };
  }, []);

  async function take() {
    photo.current = await photograph(video.current);
    // Closing gives the focus back.
    dialog.current.close();
  }
  return html`
    <dialog id="camera" aria-labelledby="camera-title" ref=${dialog} onClose=${() => onPhoto(photo.current)}>
      <h2 id="camera-title">Take a photo</h2>
      <div class="finder">
        <video ref=${video} autoplay muted playsinline aria-label="What the camera sees" hidden=${Boolean(state.problem)} onLoadedData=${() => setState({ ready: true })}></video>
        ${state.problem && html`<p class="bad" role="alert">${state.problem} Choose a file instead.</p>`}
      </div>
      <div class="row end">
        <button class="quiet" type="button" onClick=${() => dialog.current.close()}>Cancel</button>
        <button type="button" disabled=${!state.ready} onClick=${take}>Take it</button>
      </div>
    </dialog>
  `;
}

const REASONS = {
  NotAllowedError: "The camera may not be used: the browser has it forbidden for this page.",
  NotFoundError: "There is no camera.",
  NotReadableError: "Something else uses the camera.",
  TypeError: "Browsers lend the camera only to pages from https or from this machine.",
};

// Only pages that came by a safe way have mediaDevices; that is the TypeError.
const look = async () => navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });

const off = (stream) => stream?.getTracks().forEach((track) => track.stop());

async function photograph(video) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return new File([blob], "photo.jpg", { type: "image/jpeg" });
}
