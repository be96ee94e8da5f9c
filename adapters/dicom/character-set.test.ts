import { describe, expect, it } from 'vitest';

import { decodeText } from './character-set.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('decodeText', () => {
  it('reads UTF-8', () => {
    expect(decodeText(Buffer.from('Nguyễn^Thị Ánh'), ['ISO_IR 192'])).toBe('Nguyễn^Thị Ánh');
  });

  it.each([
    ['ISO_IR 100', 'Buc^J\xe9r\xf4me', 'Buc^Jérôme'],
    ['ISO_IR 144', '\xbb\xee\xda\x63\xd1', 'Люкcб'],
    ['ISO_IR 166', '\xa1\xd2', 'กา'],
    ['GB18030', 'Wang\xcd\xf5', 'Wang王'],
    ['', 'Plain^ASCII', 'Plain^ASCII'],
  ])('reads %s', (charset, text, read) => {
    expect(decodeText(bytes(text), charset === '' ? [] : [charset])).toBe(read);
  });

  // The names of PS3.5 H.3 and I.2.
  it('reads Japanese with code extensions', () => {
    const name =
      'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B';
    expect(decodeText(bytes(name), ['', 'ISO 2022 IR 87'])).toBe(
      'Yamada^Tarou=山田^太郎=やまだ^たろう',
    );
  });

  it('reads Japanese whose first set is JIS X 0201', () => {
    const name = '\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J';
    expect(decodeText(bytes(name), ['ISO 2022 IR 13', 'ISO 2022 IR 87'])).toBe(
      'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎',
    );
  });

  it('reads Korean with code extensions', () => {
    const name =
      'Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf';
    expect(decodeText(bytes(name), ['', 'ISO 2022 IR 149'])).toBe('Hong^Gildong=洪^吉洞=홍^길동');
  });

  it('leaves a hole where a byte means nothing', () => {
    expect(decodeText(bytes('A\xffB'), ['ISO_IR 192'])).toBe('A\ufffdB');
  });
});
