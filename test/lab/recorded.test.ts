// Real servers at level recorded, with a backup whose own server has replayed all that its primary's did.
import { testRecordedServers } from './recorded.ts';

testRecordedServers('hot');
