// socket.io or ws, as their first pages show them: node broadcast.js PORT socket.io|ws
// Takes the commands of bench/native/limit.c: raise COUNT PER_SECOND BYTES
const http = require("http");
const readline = require("readline");

const [port, library] = process.argv.slice(2);
const server = http.createServer();
let broadcast;
if (library === "socket.io") {
  const { Server } = require("socket.io");
  const io = new Server(server, { transports: ["websocket"] });
  broadcast = (text) => io.emit("alert", text);
} else {
  const { WebSocketServer } = require("ws");
  const sockets = new WebSocketServer({ server });
  broadcast = (text) => sockets.clients.forEach((socket) => socket.send(text));
}
server.listen(Number(port), "127.0.0.1", 4096);

let number = 0;
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const [count, perSecond, size] = line.split(" ").slice(1).map(Number);
  const began = performance.now();
  let raised = 0;
  const raise = () => {
    while (raised < count && performance.now() >= began + (perSecond ? (raised * 1000) / perSecond : 0)) {
      const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
      broadcast(`{"title":"bench ${now} ${number++} "}`.padEnd(size));
      raised += 1;
    }
    if (raised === count) console.log(JSON.stringify({ raised }));
    else setTimeout(raise, Math.max(began + (raised * 1000) / perSecond - performance.now(), 0));
  };
  raise();
}).on("close", () => process.exit());
