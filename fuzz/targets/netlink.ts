/** News of interfaces, from the kernel, and from whoever may write to the group on this host. They are said of one interface. */
import { equal } from 'node:assert/strict';
import { LINK_NEWS_HEAD_BYTES, linkNews } from '../../src/linux/link-events.ts';
import { stateless, type Target } from '../target.ts';

const IFINDEX = 3;

export const netlink: Target = {
  name: 'netlink',
  weight: 0.5,
  bytesMax: 200,
  subject: () =>
    stateless([message(16, 0x10000), message(16, 0), message(17, 0)], (input) => {
      // What is shorter is not read (`LinkEvents.take`), what is longer is cut.
      if (input.length < LINK_NEWS_HEAD_BYTES) return;
      const head = new DataView(input.buffer, input.byteOffset, LINK_NEWS_HEAD_BYTES);
      const news = linkNews(head, IFINDEX);
      if (news !== undefined) equal(head.getInt32(20, true), IFINDEX);
      equal(linkNews(head, head.getInt32(20, true) ^ 1), undefined, 'other interfaces are others');
    }),
};

/** struct nlmsghdr, then struct ifinfomsg. */
function message(type: number, flags: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(48));
  view.setUint32(0, 48, true);
  view.setUint16(4, type, true);
  view.setInt32(20, IFINDEX, true);
  view.setUint32(24, flags, true);
  return new Uint8Array(view.buffer);
}
