import { ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ARP_REPLY, ARP_REQUEST, ArpView, writeArp, writeArpReply, writeGratuitousArp } from '../../src/wire/arp.ts';
import { ipFromString } from '../../src/wire/ip-address.ts';
import { fromHex, toHex } from './reference.ts';

const ip = (text: string) => ipFromString(text) ?? new Uint8Array(16);
const SERVICE_MAC = fromHex('02005e000001');
const SERVICE = ip('192.0.2.10');

/** "Who has 192.0.2.10? Tell 192.0.2.1", with the padding of a short Ethernet frame. */
const REQUEST = fromHex(`ffffffffffff 0a0000000001 0806
  0001 0800 06 04 0001 0a0000000001 c0000201 000000000000 c000020a
  000000000000000000000000000000000000`);

test('RFC 826: a request is read', () => {
  const view = new ArpView();
  ok(view.set(REQUEST, 14, REQUEST.length - 14));
  strictEqual(view.operation, ARP_REQUEST);
  ok(view.targetIpEquals(SERVICE));
  ok(!view.targetIpEquals(ip('192.0.2.11')));
  ok(!view.targetIpEquals(ip('2001:db8::c000:20a')));
  ok(view.senderIpEquals(ip('192.0.2.1')));
  ok(view.senderMacEquals(fromHex('0a0000000001')));
});

test('RFC 826: a reply names the service and goes to who asked, written over the request or elsewhere', () => {
  const expected = `0a000000000102005e0000010806${'0001080006040002'}02005e000001c000020a0a0000000001c0000201`;
  const view = new ArpView();
  const elsewhere = new Uint8Array(50);
  view.set(REQUEST, 14, 28);
  strictEqual(writeArpReply(elsewhere, 5, SERVICE_MAC, view), 42);
  strictEqual(toHex(elsewhere.subarray(5, 47)), expected);
  const inPlace = REQUEST.slice();
  view.set(inPlace, 14, 28);
  writeArpReply(inPlace, 0, SERVICE_MAC, view);
  strictEqual(toHex(inPlace.subarray(0, 42)), expected);
});

test('RFC 5227 §2.3: an announcement is a broadcast request for the own address', () => {
  const bytes = new Uint8Array(42);
  strictEqual(writeGratuitousArp(bytes, 0, SERVICE_MAC, SERVICE), 42);
  strictEqual(
    toHex(bytes),
    `ffffffffffff02005e0000010806${'0001080006040001'}02005e000001c000020a000000000000c000020a`,
  );
});

test('what is written is read back', () => {
  const bytes = new Uint8Array(30);
  const fields = {
    operation: ARP_REPLY,
    senderMac: SERVICE_MAC,
    senderIp: SERVICE,
    targetMac: fromHex('0a0000000001'),
    targetIp: ip('192.0.2.1'),
  };
  strictEqual(writeArp(bytes, 2, fields), 28);
  const view = new ArpView();
  ok(view.set(bytes, 2, 28));
  ok(view.operation === ARP_REPLY && view.senderMacEquals(SERVICE_MAC) && view.senderIpEquals(SERVICE));
  ok(view.targetIpEquals(fields.targetIp));
});

test('what is cut short or not ARP for IPv4 over Ethernet is refused, and random bytes throw nothing', () => {
  const view = new ArpView();
  for (let length = 0; length < 28; length++) {
    ok(!view.set(REQUEST, 14, length));
    ok(!view.set(REQUEST.slice(0, 14 + length), 14, 28));
  }
  for (const at of [14, 15, 16, 17, 18, 19]) {
    const wrong = REQUEST.slice();
    wrong[at] = 0x77;
    ok(!view.set(wrong, 14, 28));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (bytes, offset) => void view.set(bytes, offset, 28)),
  );
});
