// Watches the live picture and hears the tone of examples/rtsp for so long, in as many sessions at once: RTP interleaved in the RTSP
// connection. No packet may be missing, doubled or out of order, the session stays the same, and the media keep pace with the clock.
// Usage: rtsp-client SECONDS [SESSIONS]. Exit code 0 when all is right.
import { conclude, SERVER, wanted } from './client-program.ts';
import { judgeJpeg, judgeTone, RtpStream } from './rtp-stream.ts';
import { RtspConnection } from './rtsp-connection.ts';

const KEEP_ALIVE_MS = 500;
/** By how much the media may be behind or ahead of the clock, buffers included. */
const OFF_PACE_MS_MAX = 2000;

const [seconds, sessions = '1'] = process.argv.slice(2);
const durationMs = 1000 * Number(seconds);

async function watch(): Promise<number> {
  const video = new RtpStream('video', 90_000, judgeJpeg(320, 240));
  const audio = new RtpStream('audio', 8000, judgeTone(20));
  const streams = [video, audio];
  const rtsp = await RtspConnection.open((channel, packet) => {
    const stream = streams[channel >> 1];
    if (stream === undefined) throw new Error(`a packet on channel ${channel}`);
    if (channel % 2 === 0) stream.take(packet);
    else stream.takeReport(packet);
  });
  const url = `rtsp://${SERVER.host}:${SERVER.port}/live`;
  await rtsp.ask('OPTIONS', url);
  const { body, headers } = await rtsp.ask('DESCRIBE', url, { Accept: 'application/sdp' });
  const base = headers.get('content-base') ?? url;
  const controls = [...body.matchAll(/^a=control:(stream=\d+)/gm)].map(([, control]) => control);
  wanted('streams described', controls.length, streams.length);
  for (const [index, control] of controls.entries()) {
    const transport = `RTP/AVP/TCP;unicast;interleaved=${2 * index}-${2 * index + 1}`;
    const setUp = await rtsp.ask('SETUP', `${base}${control}`, { Transport: transport });
    wanted('SETUP, transport', setUp.headers.get('transport')?.startsWith(transport), true);
  }
  await rtsp.ask('PLAY', url, { Range: 'npt=0.000-' });
  const startMs = performance.now();
  for (let turn = 1; performance.now() < startMs + durationMs; turn++) {
    const untilMs = startMs + Math.min(durationMs, turn * KEEP_ALIVE_MS);
    while (performance.now() < untilMs) await rtsp.frame();
    await rtsp.ask('OPTIONS', url);
  }
  const playedMs = performance.now() - startMs;
  for (const [index, { mediaMs }] of streams.entries()) {
    if (Math.abs(playedMs - mediaMs) > OFF_PACE_MS_MAX) {
      throw new Error(`stream ${index}: ${mediaMs.toFixed(0)} ms of media in ${playedMs.toFixed(0)} ms`);
    }
  }
  await rtsp.ask('TEARDOWN', url);
  await rtsp.close();
  return video.packets + audio.packets;
}

await conclude(async () => {
  const packets = await Promise.all(Array.from({ length: Number(sessions) }, watch));
  return `${sessions} sessions, packets ${packets.join(' ')}`;
});
