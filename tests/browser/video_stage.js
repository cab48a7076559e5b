// A caption and the pointer, which a screencast does not have. Their style is set by script: the page's policy forbids inline
// styles.
() => {
  const add = (style) => {
    const box = Object.assign(document.createElement("div"), { ariaHidden: "true" });
    Object.assign(box.style, style);
    document.body.append(box);
    return box;
  };
  window.caption = add({
    position: "fixed", left: "50%", bottom: "24px", transform: "translateX(-50%)", zIndex: 9, width: "max-content", maxWidth: "1100px", padding: "10px 20px",
    borderRadius: "10px", background: "#14181df2", color: "#fff", font: "600 18px/1.4 system-ui, sans-serif", textAlign: "center",
  });
  const dot = add({
    position: "fixed", width: "18px", height: "18px", margin: "-9px", borderRadius: "50%", background: "#c2410cb0", border: "2px solid #fff", zIndex: 10, pointerEvents: "none",
  });
  addEventListener("mousemove", ({ clientX, clientY }) => Object.assign(dot.style, { left: `${clientX}px`, top: `${clientY}px` }));
}
