/*
 * bench.c -- the codec row for ei (erl_interface), the C library of Erlang/OTP.
 *
 * Encoding goes into one reused buffer. Decoding visits every element and
 * copies atoms and binaries out, as a program that wants the values has to; it
 * builds no terms. Run by run.sh: ./run.sh codec MS   prints `codec ei metric
 * value unit`, each figure from a run of MS milliseconds.
 */
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *buf, *blob, *out;
static volatile long sink;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static erlang_pid pid;
static erlang_ref ref;

static int
enc_small(void) /* {'$gen_call', {Pid, [alias|Ref]}, {get, <<"key">>, 42}} */
{
    int i = 0;
    ei_encode_version(buf, &i);
    ei_encode_tuple_header(buf, &i, 3);
    ei_encode_atom(buf, &i, "$gen_call");
    ei_encode_tuple_header(buf, &i, 2);
    ei_encode_pid(buf, &i, &pid);
    ei_encode_list_header(buf, &i, 1);
    ei_encode_atom(buf, &i, "alias");
    ei_encode_ref(buf, &i, &ref);
    ei_encode_tuple_header(buf, &i, 3);
    ei_encode_atom(buf, &i, "get");
    ei_encode_binary(buf, &i, "key", 3);
    ei_encode_long(buf, &i, 42);
    return i;
}

static int dec_small(void)
{
    int i = 0, v, n;
    long l;
    char a[MAXATOMLEN_UTF8];
    erlang_pid p;
    erlang_ref r;
    ei_decode_version(buf, &i, &v);
    ei_decode_tuple_header(buf, &i, &n);
    ei_decode_atom(buf, &i, a);
    ei_decode_tuple_header(buf, &i, &n);
    ei_decode_pid(buf, &i, &p);
    ei_decode_list_header(buf, &i, &n);
    ei_decode_atom(buf, &i, a);
    ei_decode_ref(buf, &i, &r);
    ei_decode_tuple_header(buf, &i, &n);
    ei_decode_atom(buf, &i, a);
    ei_decode_binary(buf, &i, out, &l);
    ei_decode_long(buf, &i, &l);
    sink += l + a[0] + p.num + r.n[0];
    return i;
}

static int enc_ints(void) /* 1000 integers 1000, 2000, ... */
{
    int i = 0, k;
    ei_encode_version(buf, &i);
    ei_encode_list_header(buf, &i, 1000);
    for (k = 1; k <= 1000; k++)
        ei_encode_long(buf, &i, k * 1000L);
    ei_encode_empty_list(buf, &i);
    return i;
}

static int dec_ints(void)
{
    int i = 0, v, n, k;
    long l, s = 0;
    ei_decode_version(buf, &i, &v);
    ei_decode_list_header(buf, &i, &n);
    for (k = 0; k < n; k++) {
        ei_decode_long(buf, &i, &l);
        s += l;
    }
    ei_decode_list_header(buf, &i, &n);
    sink += s;
    return i;
}

static int
enc_map(void) /* 50 pairs: integer, atom, binary, string and tuple keys */
{
    int i = 0, k;
    char t[32];
    ei_encode_version(buf, &i);
    ei_encode_map_header(buf, &i, 50);
    for (k = 0; k < 50; k++) {
        switch (k % 5) {
        case 0:
            ei_encode_long(buf, &i, k * 100000L);
            break;
        case 1:
            sprintf(t, "key_%d", k);
            ei_encode_atom(buf, &i, t);
            break;
        case 2:
            sprintf(t, "binary_key_%d", k);
            ei_encode_binary(buf, &i, t, strlen(t));
            break;
        case 3:
            sprintf(t, "string_%d", k);
            ei_encode_string(buf, &i, t);
            break;
        case 4:
            ei_encode_tuple_header(buf, &i, 2);
            ei_encode_atom(buf, &i, "pair");
            ei_encode_long(buf, &i, k);
            break;
        }
        switch (k % 4) {
        case 0:
            ei_encode_double(buf, &i, k * 1.5);
            break;
        case 1:
            ei_encode_long(buf, &i, k);
            break;
        case 2:
            ei_encode_binary(buf, &i, "a value of some length", 22);
            break;
        case 3:
            ei_encode_atom(buf, &i, "undefined");
            break;
        }
    }
    return i;
}

static int dec_any(int *i)
{
    int type, size, n;
    long l;
    double d;
    char a[MAXATOMLEN_UTF8];
    ei_get_type(buf, i, &type, &size);
    switch (type) {
    case ERL_SMALL_INTEGER_EXT:
    case ERL_INTEGER_EXT:
        ei_decode_long(buf, i, &l);
        sink += l;
        break;
    case ERL_ATOM_EXT:
    case ERL_SMALL_ATOM_EXT:
    case ERL_SMALL_ATOM_UTF8_EXT:
    case ERL_ATOM_UTF8_EXT:
        ei_decode_atom(buf, i, a);
        sink += a[0];
        break;
    case ERL_BINARY_EXT:
        ei_decode_binary(buf, i, out, &l);
        sink += l;
        break;
    case ERL_STRING_EXT:
        ei_decode_string(buf, i, out);
        sink += out[0];
        break;
    case ERL_FLOAT_EXT:
    case NEW_FLOAT_EXT:
        ei_decode_double(buf, i, &d);
        sink += (long)d;
        break;
    case ERL_SMALL_TUPLE_EXT:
        ei_decode_tuple_header(buf, i, &n);
        while (n--)
            dec_any(i);
        break;
    default:
        fprintf(stderr, "type %d\n", type);
        exit(1);
    }
    return 0;
}

static int dec_map(void)
{
    int i = 0, v, n;
    ei_decode_version(buf, &i, &v);
    ei_decode_map_header(buf, &i, &n);
    n *= 2;
    while (n--)
        dec_any(&i);
    return i;
}

static int enc_bin(void)
{
    int i = 0;
    ei_encode_version(buf, &i);
    ei_encode_binary(buf, &i, blob, 1 << 20);
    return i;
}

static int dec_bin(void)
{
    int i = 0, v;
    long l;
    ei_decode_version(buf, &i, &v);
    ei_decode_binary(buf, &i, out, &l);
    sink += out[l - 1];
    return i;
}

/* Doubles the count until a run takes a tenth of `ms`, then makes a whole one.
 */
static void run(const char *what, const char *name, int (*f)(void), double ms)
{
    double a, d = 0;
    long j, n = 1;

    while (d < ms * 1e-4) {
        n *= 2;
        a = now();
        for (j = 0; j < n; j++)
            sink += f();
        d = now() - a;
    }
    n = (long)((double)n * ms * 1e-3 / d) + 1;
    a = now();
    for (j = 0; j < n; j++)
        sink += f();
    d = now() - a;
    printf("codec %s %s_%s %.4f terms/s\n",
           getenv("BENCH_PEER") ? getenv("BENCH_PEER") : "ei", what, name,
           (double)n / d);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*encode)(void), (*decode)(void);
    } rows[] = { { "small", enc_small, dec_small },
                 { "ints", enc_ints, dec_ints },
                 { "map", enc_map, dec_map },
                 { "1MB", enc_bin, dec_bin } };
    double ms;
    int k;

    if (argc < 3 || strcmp(argv[1], "codec") != 0) {
        fprintf(stderr, "unknown row; there is only: codec MS\n");
        return 2;
    }
    ms = atof(argv[2]) > 0 ? atof(argv[2]) : 1;
    buf = malloc(4 << 20);
    blob = malloc(1 << 20);
    out = malloc(4 << 20);
    memset(blob, 'x', 1 << 20);
    strcpy(pid.node, "node@host.example.org");
    pid.num = 90;
    pid.creation = 1700000000;
    strcpy(ref.node, "node@host.example.org");
    ref.len = 3;
    ref.creation = 1700000000;
    ref.n[0] = 112233;
    ref.n[1] = 445566;
    ref.n[2] = 778899;
    for (k = 0; k < 4; k++) {
        int size = rows[k].encode();

        if (rows[k].decode() != size) {
            fprintf(stderr,
                    "%s: decoding read another length than encoding wrote\n",
                    rows[k].name);
            return 1;
        }
        run("encode", rows[k].name, rows[k].encode, ms);
        rows[k].encode();
        run("decode", rows[k].name, rows[k].decode, ms);
    }
    return 0;
}
