/** What large transfers are made with. A new service is one more line here. */
import { HTTP } from './http-transfer.ts';
import type { TransferService } from './large-transfer.ts';
import { SMB } from './smb-transfer.ts';

export const SERVICES = ['http', 'samba'] as const;
export type Service = (typeof SERVICES)[number];

export const TRANSFER_SERVICES: Readonly<Record<Service, TransferService>> = { http: HTTP, samba: SMB };
