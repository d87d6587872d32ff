/**
 * AES-256-GCM from memory to memory, by the OpenSSL that Node itself is linked to. `node:crypto` does the same, but makes an object and
 * buffers for each text, which takes many times as long for a short one; and this is the hot path of an encrypted link.
 *
 * A sealed text is called a box: a head that is authenticated as it is, the encrypted text, and the tag.
 */
import koffi from 'koffi';
import { assert, FttcpError } from '../errors.ts';
import { addressOf, allocate } from './memory.ts';

export const KEY_BYTES = 32;
export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/** openssl/evp.h */
const EVP_CTRL_AEAD_GET_TAG = 0x10;
const EVP_CTRL_AEAD_SET_TAG = 0x11;
const SUCCESS = 1;

/** Of one direction: seals or opens. `free` gives back what is not the garbage collector's. */
export class AesGcm {
  readonly #evp = libcrypto();
  readonly #seals: boolean;
  #context: number;
  readonly #key = allocate(KEY_BYTES);
  readonly #nonce = allocate(NONCE_BYTES);
  readonly #length = allocate(4);

  /** @throws FttcpError `no-libcrypto` */
  constructor(use: 'seal' | 'open', key: Uint8Array) {
    this.#seals = use === 'seal';
    this.#context = this.#evp.newContext();
    assert(this.#context !== 0, 'there is memory for a cipher');
    this.setKey(key);
  }

  setKey(key: Uint8Array): void {
    assert(key.length === KEY_BYTES, 'a key has its length');
    this.#key.set(key);
    this.#init(this.#evp.aes256Gcm(), addressOf(this.#key), 0);
    this.#key.fill(0);
  }

  /** Of the next text: never the same twice under one key. */
  get nonce(): Uint8Array {
    return this.#nonce;
  }

  /**
   * Encrypts a text into a box.
   * @param at of the box in `into`, where its head is written already.
   */
  seal(text: Uint8Array, offset: number, length: number, into: Uint8Array, at: number, headLength: number): void {
    const boxLength = headLength + length + TAG_BYTES;
    assert(this.#seals && isWithin(text, offset, length) && isWithin(into, at, boxLength), 'a box has room');
    const head = addressOf(into) + at;
    const target = head + headLength;
    this.#pass(addressOf(text) + offset, length, head, headLength, target);
    const tag = target + length;
    this.#succeed(this.#evp.encryptFinal(this.#context, tag, addressOf(this.#length)));
    this.#succeed(this.#evp.control(this.#context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, tag));
  }

  /**
   * Decrypts the text of a box.
   * @returns false when it is not genuine: then what was written at `at` means nothing.
   */
  open(box: Uint8Array, offset: number, headLength: number, length: number, into: Uint8Array, at: number): boolean {
    const boxLength = headLength + length + TAG_BYTES;
    assert(!this.#seals && isWithin(box, offset, boxLength) && isWithin(into, at, length), 'a text has room');
    const head = addressOf(box) + offset;
    const target = addressOf(into) + at;
    this.#pass(head + headLength, length, head, headLength, target);
    const tag = head + headLength + length;
    this.#succeed(this.#evp.control(this.#context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag));
    return this.#evp.decryptFinal(this.#context, target, addressOf(this.#length)) === SUCCESS;
  }

  free(): void {
    this.#evp.freeContext(this.#context);
    this.#context = 0;
  }

  #pass(text: number, length: number, head: number, headLength: number, target: number): void {
    assert(this.#context !== 0, 'a cipher is not used after its end');
    this.#init(0, 0, addressOf(this.#nonce));
    const { encryptUpdate, decryptUpdate } = this.#evp;
    const update = this.#seals ? encryptUpdate : decryptUpdate;
    const lengthOut = addressOf(this.#length);
    this.#succeed(update(this.#context, 0, lengthOut, head, headLength));
    // Without a text OpenSSL would take this for the end.
    if (length > 0) this.#succeed(update(this.#context, target, lengthOut, text, length));
  }

  /** What is 0 stays as it was. */
  #init(cipher: number, key: number, nonce: number): void {
    const { encryptInit, decryptInit } = this.#evp;
    this.#succeed((this.#seals ? encryptInit : decryptInit)(this.#context, cipher, 0, key, nonce));
  }

  #succeed(result: number): void {
    assert(result === SUCCESS, 'a cipher does what it is asked');
  }
}

function isWithin(bytes: Uint8Array, offset: number, length: number): boolean {
  return offset >= 0 && length >= 0 && offset + length <= bytes.length;
}

type Functions = ReturnType<typeof declareAll>;
let functions: Functions | undefined;

/** Declared when they are needed: a host with a plain link does without. */
function libcrypto(): Functions {
  functions ??= declareAll();
  return functions;
}

type Init = (context: number, cipher: number, engine: number, key: number, nonce: number) => number;
type Update = (context: number, out: number, outLength: number, bytes: number, length: number) => number;
type Final = (context: number, out: number, outLength: number) => number;

function declareAll() {
  const library = koffi.load(null);
  const declare = <F>(prototype: string): F => library.func(prototype) as unknown as F;
  const init = (name: string) =>
    declare<Init>(`int ${name}(uintptr_t context, uintptr_t cipher, uintptr_t engine, uintptr_t key, uintptr_t nonce)`);
  const update = (name: string) =>
    declare<Update>(`int ${name}(uintptr_t context, uintptr_t out, uintptr_t outLength, uintptr_t bytes, int length)`);
  const final = (name: string) => declare<Final>(`int ${name}(uintptr_t context, uintptr_t out, uintptr_t outLength)`);
  try {
    return {
      newContext: declare<() => number>('uintptr_t EVP_CIPHER_CTX_new()'),
      freeContext: declare<(context: number) => void>('void EVP_CIPHER_CTX_free(uintptr_t context)'),
      aes256Gcm: declare<() => number>('uintptr_t EVP_aes_256_gcm()'),
      encryptInit: init('EVP_EncryptInit_ex'),
      encryptUpdate: update('EVP_EncryptUpdate'),
      encryptFinal: final('EVP_EncryptFinal_ex'),
      decryptInit: init('EVP_DecryptInit_ex'),
      decryptUpdate: update('EVP_DecryptUpdate'),
      decryptFinal: final('EVP_DecryptFinal_ex'),
      control: declare<(context: number, what: number, length: number, bytes: number) => number>(
        'int EVP_CIPHER_CTX_ctrl(uintptr_t context, int what, int length, uintptr_t bytes)',
      ),
    };
  } catch (cause) {
    const message = 'this Node does not show the functions of its OpenSSL, which an encrypted link needs';
    throw new FttcpError('no-libcrypto', `${message}: use one from nodejs.org or from Debian`, { cause });
  }
}
