import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IpPacket } from '../../src/wire/ip.ts';
import { ipFromString } from '../../src/wire/ip-address.ts';
import { ALL_NODES, groupMac, NdpView, solicitedNode, writeNeighbourAdvertisement } from '../../src/wire/ndp.ts';
import { fromHex, joined, naiveChecksum, toHex } from './reference.ts';

const ip = (text: string) => ipFromString(text) ?? new Uint8Array(16);
const ASKER = ip('fe80::1');
const ASKER_MAC = fromHex('0a0000000001');
const SERVICE = ip('2001:db8::12:3456');
const SERVICE_MAC = fromHex('02005e000001');

interface Changes {
  readonly type?: number;
  readonly code?: number;
  readonly flags?: number;
  readonly hopLimit?: number;
  readonly source?: Uint8Array;
  readonly destination?: Uint8Array;
  readonly target?: Uint8Array;
  readonly options?: Uint8Array;
}

/** A packet of neighbour discovery by the reference codec: a solicitation of the service unless something else is said. */
function packet(changes: Changes): Uint8Array {
  const { type = 135, code = 0, flags = 0, hopLimit = 255, target = SERVICE } = changes;
  const {
    source = ASKER,
    destination = solicitedNode(SERVICE),
    options = joined(fromHex('0101'), ASKER_MAC),
  } = changes;
  const icmp = joined(Uint8Array.of(type, code, 0, 0, flags, 0, 0, 0), target, options);
  const pseudo = joined(source, destination, Uint8Array.of(0, 0, 0, icmp.length, 0, 0, 0, 58));
  new DataView(icmp.buffer).setUint16(2, naiveChecksum(pseudo, icmp));
  return joined(Uint8Array.of(0x60, 0, 0, 0, 0, icmp.length, 58, hopLimit), source, destination, icmp);
}

function read(bytes: Uint8Array): NdpView | undefined {
  const view = new NdpView();
  const parsed = new IpPacket();
  strictEqual(parsed.parseIp(bytes, 0, bytes.length), '');
  return view.set(parsed) ? view : undefined;
}

test('RFC 4291 §2.7.1, RFC 2464 §7: the group that hears solicitations, and its MAC', () => {
  strictEqual(toHex(solicitedNode(SERVICE)), 'ff0200000000000000000001ff123456');
  strictEqual(toHex(groupMac(solicitedNode(SERVICE))), '3333ff123456');
  strictEqual(toHex(groupMac(ALL_NODES)), '333300000001');
});

test('RFC 4861 §4.3: a solicitation is read', () => {
  const view = read(packet({}));
  ok(view?.isSolicitation && !view.isProbe);
  ok(view.targetIs(SERVICE) && view.sourceIs(ASKER) && !view.targetIs(ASKER));
  strictEqual(toHex(view.bytes.slice(view.macOffset, view.macOffset + 6)), toHex(ASKER_MAC));
});

test('options that are not known, or of another length, are passed over', () => {
  const nonce = fromHex('0e01 a1a2a3a4a5a6');
  const view = read(packet({ options: joined(nonce, fromHex('0102'), new Uint8Array(14)) }));
  strictEqual(view?.macOffset, -1);
});

test('RFC 4862 §5.4: a probe is known by its source', () => {
  const view = read(packet({ source: new Uint8Array(16), options: new Uint8Array(0) }));
  ok(view?.isProbe);
});

test('RFC 4861 §7.1: what must be discarded is discarded', () => {
  const nobody = new Uint8Array(16);
  const wrong: Changes[] = [
    { hopLimit: 254 },
    { code: 1 },
    { type: 134 },
    { target: ALL_NODES },
    { options: fromHex('0100 000000000000') },
    { options: fromHex('0102 000000000000') },
    { options: fromHex('01') },
    { source: nobody },
    { source: nobody, destination: SERVICE, options: new Uint8Array(0) },
    { type: 136, flags: 0x40, destination: ALL_NODES },
  ];
  for (const changes of wrong) strictEqual(read(packet(changes)), undefined, JSON.stringify(changes));
  const corrupt = packet({});
  corrupt[70] = 0x77;
  strictEqual(read(corrupt), undefined, 'checksum');
  const short = packet({}).slice(0, 60);
  short[5] = 20;
  strictEqual(read(short), undefined, 'length');
  ok(read(packet({ type: 136, flags: 0x40, destination: ASKER })));
});

test('RFC 6980 §5: neighbour discovery in fragments is discarded, also in an atomic one', () => {
  const plain = packet({});
  const header = joined(plain.slice(0, 40), Uint8Array.of(58, 0, 0, 0, 0, 0, 0, 1), plain.slice(40));
  header[5] = (header[5] ?? 0) + 8;
  header[6] = 44;
  strictEqual(read(header), undefined);
});

test('RFC 4861 §4.4: an advertisement is written whole, and read back', () => {
  for (const solicited of [true, false]) {
    const bytes = new Uint8Array(90);
    const frame = { ip: SERVICE, mac: SERVICE_MAC, to: ASKER, toMac: ASKER_MAC, solicited };
    const length = writeNeighbourAdvertisement(bytes, 3, frame);
    const expected = packet({
      type: 136,
      flags: solicited ? 0x60 : 0x20,
      source: SERVICE,
      destination: ASKER,
      options: joined(fromHex('0201'), SERVICE_MAC),
    });
    strictEqual(toHex(bytes.subarray(3, 3 + length)), toHex(joined(ASKER_MAC, SERVICE_MAC, fromHex('86dd'), expected)));
    const view = read(bytes.slice(17, 3 + length));
    ok(view !== undefined && !view.isSolicitation && view.targetIs(SERVICE));
    deepStrictEqual(view.bytes.slice(view.macOffset, view.macOffset + 6), SERVICE_MAC);
  }
});

test('nothing that can be read as IPv6 makes the view throw or reach beyond the packet', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(135, 136), (options, type) => {
      const view = read(packet({ type, options, destination: ASKER }));
      if (view === undefined || view.macOffset < 0) return;
      ok(view.macOffset + 6 <= view.bytes.length);
    }),
  );
});
