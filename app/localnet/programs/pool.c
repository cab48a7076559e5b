// A constant-product pool as a Solana program. Exact amount in, at least `min_out` out, or it fails.
//
// Accounts: 0 trader (signs), 1 trader's token in, 2 vault in, 3 vault out, 4 trader's token out, 5 authority,
//           6 token program.
// Data:     u64 amount_in, u64 min_out, u8 bump of the authority.
//
// A pool has no state of its own: it is two vaults whose owner is the authority, and the authority is the program's
// address for ["pool", lower mint, higher mint, bump]. The runtime checks that address when the authority signs, so
// vaults of two different pools never fit together.
//
// There is no C library and no data section: constants are immediates, and working memory is the heap of the program.

typedef unsigned char u8;
typedef unsigned long long u64;

#ifndef FEE_MILLIONTHS
#error "compile with -DFEE_MILLIONTHS=<the fee>"
#endif

enum { SLIPPAGE = 6001, BAD_ACCOUNTS = 6002, NOTHING_OUT = 6003, TOO_LARGE = 6004 };
enum { TRADER, TRADER_IN, VAULT_IN, VAULT_OUT, TRADER_OUT, AUTHORITY, TOKEN_PROGRAM, ACCOUNTS };
enum { MINT = 0, OWNER = 32, AMOUNT = 64, TOKEN_ACCOUNT_SIZE = 165 };
#define MILLION 1000000ULL
#define MAX_GROWTH 10240  // free bytes after the data of each account in the input

// What the runtime passes and expects, field by field.
typedef struct {
  const u8 *key;
  u64 *lamports;
  u64 size;
  u8 *data;
  const u8 *owner;
  u64 rent_epoch;
  u8 is_signer, is_writable, executable;
} Account;
typedef struct { const u8 *key; u8 is_writable, is_signer; } Meta;
typedef struct { const u8 *program; Meta *accounts; u64 count; const u8 *data; u64 size; } Instruction;
typedef struct { const u8 *bytes; u64 size; } Seed;
typedef struct { const Seed *seeds; u64 count; } Signer;
extern u64 sol_invoke_signed_c(const Instruction *, const Account *, u64 accounts, const Signer *, u64 signers);

typedef struct {
  Account accounts[ACCOUNTS];
  Meta metas[3];
  Instruction instruction;
  Seed seeds[4];
  Signer signer;
  u8 transfer[16], word[8], bump[8];
} Heap;
#define heap ((Heap *)0x300000000ULL)

static inline __attribute__((always_inline)) u64 word(const u8 *at) { return *(const u64 *)at; }

static inline __attribute__((always_inline)) int same(const u8 *a, const u8 *b) {
  return word(a) == word(b) && word(a + 8) == word(b + 8) && word(a + 16) == word(b + 16) && word(a + 24) == word(b + 24);
}

static inline __attribute__((always_inline)) u64 big_endian(const u8 *at) { return __builtin_bswap64(word(at)); }

static inline __attribute__((always_inline)) int lower(const u8 *a, const u8 *b) {
  for (int i = 0; i < 32; i += 8)
    if (word(a + i) != word(b + i)) return big_endian(a + i) < big_endian(b + i);
  return 0;
}

// TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA
static inline __attribute__((always_inline)) int is_token_program(const u8 *key) {
  return word(key) == 0x93a165d7e1f6dd06ULL && word(key + 8) == 0xac79ebce46e1cbd9ULL
         && word(key + 16) == 0x91375b5fed85b41cULL && word(key + 24) == 0xa900ff7e85f58c3aULL;
}

// a * b / c, rounded down, with a product of 128 bits. The result has to fit: a <= c or b <= c.
static inline __attribute__((always_inline)) u64 scale(u64 a, u64 b, u64 c) {
  u64 a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
  u64 low = a0 * b0, cross = a0 * b1, other = a1 * b0;
  u64 middle = (low >> 32) + (cross & 0xffffffff) + (other & 0xffffffff);
  u64 high = a1 * b1 + (cross >> 32) + (other >> 32) + (middle >> 32), rest = (middle << 32) | (low & 0xffffffff);
  u64 quotient = 0;
  for (int bit = 0; bit < 64; bit++) {
    u64 carry = high >> 63;
    high = (high << 1) | (rest >> 63);
    rest <<= 1;
    quotient <<= 1;
    if (carry || high >= c) { high -= c; quotient |= 1; }
  }
  return quotient;
}

static inline __attribute__((always_inline)) u64 transfer(int from, int to, int owner, u64 amount, int by_pool) {
  heap->transfer[0] = 3;  // the token program's Transfer
  for (int i = 0; i < 8; i++) heap->transfer[1 + i] = (u8)(amount >> (8 * i));
  heap->metas[0] = (Meta){heap->accounts[from].key, 1, 0};
  heap->metas[1] = (Meta){heap->accounts[to].key, 1, 0};
  heap->metas[2] = (Meta){heap->accounts[owner].key, 0, 1};
  heap->instruction = (Instruction){heap->accounts[TOKEN_PROGRAM].key, heap->metas, 3, heap->transfer, 9};
  return sol_invoke_signed_c(&heap->instruction, heap->accounts, ACCOUNTS, &heap->signer, by_pool);
}

u64 entrypoint(u8 *input) {
  if (word(input) != ACCOUNTS) return BAD_ACCOUNTS;
  u8 *at = input + 8;
  for (int i = 0; i < ACCOUNTS; i++) {
    if (*at != 0xff) return BAD_ACCOUNTS;  // an account that is there twice
    Account *account = &heap->accounts[i];
    account->is_signer = at[1];
    account->is_writable = at[2];
    account->executable = at[3];
    account->key = at + 8;
    account->owner = at + 40;
    account->lamports = (u64 *)(at + 72);
    account->size = word(at + 80);
    account->data = at + 88;
    at = (u8 *)(((u64)(at + 88 + account->size + MAX_GROWTH) + 7) & ~7ULL);
    account->rent_epoch = word(at);
    at += 8;
  }
  if (word(at) != 17) return BAD_ACCOUNTS;
  const u8 *data = at + 8;
  u64 amount = word(data), min_out = word(data + 8);

  Account *vault_in = &heap->accounts[VAULT_IN], *vault_out = &heap->accounts[VAULT_OUT];
  const u8 *authority = heap->accounts[AUTHORITY].key, *token_program = heap->accounts[TOKEN_PROGRAM].key;
  if (!heap->accounts[TRADER].is_signer || !is_token_program(token_program)) return BAD_ACCOUNTS;
  if (!same(vault_in->owner, token_program) || !same(vault_out->owner, token_program)) return BAD_ACCOUNTS;
  if (vault_in->size != TOKEN_ACCOUNT_SIZE || vault_out->size != TOKEN_ACCOUNT_SIZE) return BAD_ACCOUNTS;
  if (!same(vault_in->data + OWNER, authority) || !same(vault_out->data + OWNER, authority)) return BAD_ACCOUNTS;
  const u8 *mint_in = vault_in->data + MINT, *mint_out = vault_out->data + MINT;
  if (same(mint_in, mint_out)) return BAD_ACCOUNTS;

  u64 reserve_in = word(vault_in->data + AMOUNT), reserve_out = word(vault_out->data + AMOUNT);
  // The fee is rounded up, in two parts so that the product fits.
  u64 fee = amount / MILLION * FEE_MILLIONTHS + (amount % MILLION * FEE_MILLIONTHS + MILLION - 1) / MILLION;
  u64 net = amount - fee;
  if (reserve_in + amount < reserve_in) return TOO_LARGE;
  u64 out = reserve_in + net == 0 ? 0 : scale(net, reserve_out, reserve_in + net);
  if (out == 0) return NOTHING_OUT;
  if (out < min_out) return SLIPPAGE;

  int in_first = lower(mint_in, mint_out);
  heap->word[0] = 'p'; heap->word[1] = 'o'; heap->word[2] = 'o'; heap->word[3] = 'l';
  heap->bump[0] = data[16];
  heap->seeds[0] = (Seed){heap->word, 4};
  heap->seeds[1] = (Seed){in_first ? mint_in : mint_out, 32};
  heap->seeds[2] = (Seed){in_first ? mint_out : mint_in, 32};
  heap->seeds[3] = (Seed){heap->bump, 1};
  heap->signer = (Signer){heap->seeds, 4};
  u64 error = transfer(TRADER_IN, VAULT_IN, TRADER, amount, 0);
  return error ? error : transfer(VAULT_OUT, TRADER_OUT, AUTHORITY, out, 1);
}
