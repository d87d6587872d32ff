import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flows, survived } from '../../src/lab/flow.ts';
import { seq } from '../../src/wire/seq.ts';
import { ACK, FIN, RST, SYN } from '../../src/wire/tcp.ts';

const PORT = 40_000;

/** A conversation by relative positions: the SYN is 0, data starts at 1. */
class Conversation {
  readonly flows = new Flows('10.77.0.1', '10.77.0.100:7');
  readonly iss: number;
  readonly irs: number;

  constructor(iss = 1000, irs = 5000) {
    this.iss = iss;
    this.irs = irs;
  }

  client(atMs: number, at: number, ack: number, length: number, flags = ACK): this {
    return this.#send(atMs, true, this.iss + at, this.irs + ack, length, flags);
  }

  service(atMs: number, at: number, ack: number, length: number, flags = ACK): this {
    return this.#send(atMs, false, this.irs + at, this.iss + ack, length, flags);
  }

  #send(atMs: number, fromClient: boolean, from: number, ack: number, dataLength: number, flags: number): this {
    this.flows.packet(atMs, fromClient, PORT, { seq: seq(from), ack: seq(ack), flags, dataLength });
    return this;
  }

  open(): this {
    return this.client(0, 0, 0, 0, SYN)
      .service(0.1, 0, 1, 0, SYN | ACK)
      .client(0.2, 1, 1, 0);
  }

  fault(atMs: number): this {
    this.flows.fault(atMs);
    return this;
  }

  report(endMs: number) {
    const [report] = this.flows.report(endMs);
    assert.ok(report);
    return report;
  }
}

test('an upload that stalls counts from the fault to the next new acknowledgement', () => {
  const { bytesIn, stallMs, established, retransmissions } = new Conversation()
    .open()
    .client(1, 1, 1, 1000)
    .service(1.1, 1, 1001, 0)
    .client(9, 1001, 1, 1000)
    .fault(10)
    .service(12, 1, 1001, 0) // nothing new
    .client(30, 1001, 1, 1000)
    .service(35, 1, 2001, 0)
    .client(40, 2001, 1, 1000)
    .service(41, 1, 3001, 0)
    .report(500);
  assert.deepEqual(
    { bytesIn, stallMs, established, retransmissions },
    {
      bytesIn: 3000,
      stallMs: 25,
      established: true,
      retransmissions: 1,
    },
  );
});

test('what the client sent and the service acknowledged is timed from the fault on', () => {
  const { sentMs, resentMs, acks } = new Conversation()
    .open()
    .client(1, 1, 1, 1000)
    .service(2, 1, 1001, 0)
    .fault(10)
    .client(11, 1001, 1, 1000)
    .client(20, 1001, 1, 1000)
    .service(30, 1, 1001, 0)
    .client(31, 2001, 1, 1000)
    .client(32, 3001, 1, 0)
    .service(33, 1, 3001, 0)
    .report(100);
  assert.deepEqual({ sentMs, resentMs }, { sentMs: [11, 20, 31], resentMs: [20] });
  assert.deepEqual(acks, [
    { atMs: 30, advances: false },
    { atMs: 33, advances: true },
  ]);
});

test('sequence numbers wrap around in both directions', () => {
  const report = new Conversation(2 ** 32 - 500, 2 ** 32 - 2)
    .open()
    .client(1, 1, 1, 1000)
    .service(2, 1, 1001, 3000)
    .client(3, 1001, 3001, 0)
    .client(4, 1001, 3001, 0, FIN | ACK)
    .service(5, 3001, 1002, 0, FIN | ACK)
    .client(6, 1002, 3002, 0)
    .report(10);
  assert.equal(report.bytesIn, 1000);
  assert.equal(report.bytesOut, 3000);
  assert.equal(report.ending, 'closed');
  assert.equal(report.stallMs, 0);
  assert.ok(survived(report, false));
});

test('more than four gigabytes are counted', () => {
  const conversation = new Conversation().open();
  const piece = 2 ** 30;
  for (let i = 0; i < 5; i++) {
    conversation.client(i + 1, 1 + i * piece, 1, piece).service(i + 1.5, 1, 1 + (i + 1) * piece, 0);
  }
  assert.equal(conversation.report(100).bytesIn, 5 * piece);
});

test('a download that was delivering at the fault counts until its next new byte', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 100);
  for (let i = 0; i < 10; i++) conversation.service(2 + i, 1 + i * 1000, 101, 1000);
  conversation.fault(15).service(50, 9001, 101, 1000); // a retransmission is no advance
  conversation.service(60, 10_001, 101, 1000);
  assert.equal(conversation.report(500).stallMs, 45);
});

test('a second pause of a dense download counts too', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 100).service(2, 1, 101, 1000).fault(3);
  for (let i = 1; i < 6; i++) conversation.service(4 + i, 1 + i * 1000, 101, 1000);
  conversation.service(220, 6001, 101, 1000);
  assert.equal(conversation.report(500).stallMs, 211);
});

test('a connection that was idle at the fault and after has no stall', () => {
  const idle = new Conversation().open().client(1, 1, 1, 100).service(2, 1, 101, 100).client(2.1, 101, 101, 0);
  assert.equal(idle.fault(500).report(5000).stallMs, 0);
});

test('a client that thinks after an answer does not stall', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 100).service(2, 1, 101, 100).fault(10);
  conversation.client(300, 101, 101, 100).service(304, 101, 201, 100);
  assert.equal(conversation.report(1000).stallMs, 4);
});

test('an answer that was acknowledged but not given counts', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 100).service(2, 1, 101, 100);
  conversation.client(30, 101, 101, 100).service(30.5, 101, 201, 0).fault(31).service(71, 101, 201, 100);
  assert.equal(conversation.report(1000).stallMs, 40);
});

test('a client that had all it wanted and closes after the fault does not stall', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 100).service(2, 1, 101, 100).fault(5);
  conversation
    .client(900, 101, 101, 0, FIN | ACK)
    .service(903, 101, 102, 0, FIN | ACK)
    .client(904, 102, 102, 0);
  const report = conversation.report(1000);
  assert.equal(report.stallMs, 3);
  assert.ok(survived(report, true));
});

test('a service that never comes back stalls to the end and is not survived', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 100).service(2, 1, 101, 0).client(8, 101, 1, 100);
  const report = conversation
    .fault(10)
    .client(2000, 201, 1, 0, FIN | ACK)
    .report(3010);
  assert.equal(report.stallMs, 3000);
  assert.equal(survived(report, true), false);
});

test('a reset by the service is not survived, one by the client is if it succeeded', () => {
  const byService = new Conversation()
    .open()
    .client(1, 1, 1, 100)
    .service(2, 1, 101, 0, RST | ACK)
    .report(10);
  assert.equal(byService.ending, 'service-reset');
  assert.equal(survived(byService, true), false);
  const byClient = new Conversation()
    .open()
    .client(1, 1, 1, 100)
    .client(2, 101, 1, 0, RST | ACK)
    .report(10);
  assert.equal(byClient.ending, 'client-reset');
  assert.ok(survived(byClient, true));
  assert.equal(survived(byClient, false), false);
});

test('the same ports used again are another connection', () => {
  const conversation = new Conversation().open().client(1, 1, 1, 0, RST);
  conversation.flows.packet(10, true, PORT, { seq: seq(77), ack: seq(0), flags: SYN, dataLength: 0 });
  conversation.flows.packet(11, true, PORT, { seq: seq(77), ack: seq(0), flags: SYN, dataLength: 0 });
  const reports = conversation.flows.report(20);
  assert.deepEqual(
    reports.map(({ established, retransmissions }) => [established, retransmissions]),
    [
      [true, 0],
      [false, 1],
    ],
  );
});

test('points for the plot are thinned out over the run and kept around the fault', () => {
  const conversation = new Conversation().open();
  for (let i = 0; i < 20_000; i++) conversation.client(i, 1 + i * 10, 1, 10).service(i + 0.5, 1, 11 + i * 10, 0);
  conversation.fault(20_000).client(20_001, 200_001, 1, 10);
  const { whole, closeUp } = conversation.report(20_100);
  assert.ok(whole.length > 1000 && whole.length <= 15_000);
  assert.equal(closeUp.at(-1)?.atMs, 20_001);
  assert.ok(closeUp.every((point, i) => i === 0 || point.atMs >= (closeUp[i - 1]?.atMs ?? 0)));
});
