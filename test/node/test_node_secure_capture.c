/*
 * test_node_secure_capture.c -- what the loopback device shows of a link.
 *
 * A packet socket sees each packet before TCP does, so all of what has arrived
 * is in it. Only some users may have one.
 */
#include "linked.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__)

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#define ROOM     (1 << 24) /* of the socket, in bytes */
#define DATAGRAM (1 << 17) /* more than the device passes on in one */

/* Only TCP from and to that port reaches the socket, however busy the device is
 * with the connections of others. */
static bool filter(int fd, uint16_t port)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), /* the protocol */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 6),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* the size of the head */
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),  /* from */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 2, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2), /* to */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = { sizeof code / sizeof code[0], code };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                      sizeof program) == 0;
}

/* A socket that sees loopback, or -1 with the reason in errno. */
static int listen_to_loopback(uint16_t port)
{
    int fd = socket(AF_PACKET, SOCK_DGRAM, 0); /* sees nothing before bind() */
    struct sockaddr_ll device = { .sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_IP),
                                  .sll_ifindex = (int)if_nametoindex("lo") };
    int room = ROOM;

    if (fd < 0)
        return -1;
    if (!filter(fd, port) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0 ||
        bind(fd, (struct sockaddr *)&device, sizeof device) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* Is it of the connection to that port? Then what TCP carries in it. */
static bool is_of(const uint8_t *packet, size_t size, uint16_t port,
                  const uint8_t **text, size_t *text_size)
{
    struct iphdr ip;
    struct tcphdr tcp;
    size_t head;

    if (size < sizeof ip)
        return false;
    memcpy(&ip, packet, sizeof ip);
    head = ip.ihl * 4u;
    if (ip.protocol != IPPROTO_TCP || size < head + sizeof tcp)
        return false;
    memcpy(&tcp, packet + head, sizeof tcp);
    if (ntohs(tcp.source) != port && ntohs(tcp.dest) != port)
        return false;
    head += tcp.doff * 4u;
    if (size < head)
        return false;
    *text = packet + head;
    *text_size = size - head;
    return true;
}

/* All that the socket has seen of it, one packet after the other. */
static void read_all(int fd, uint16_t port, struct etf_buffer *seen)
{
    static uint8_t packet[DATAGRAM];
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    const uint8_t *text;
    size_t text_size;
    ssize_t got;

    for (;;) {
        got = recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT,
                       (struct sockaddr *)&from, &size);
        if (got < 0)
            break;
        /* The device shows each packet twice: as it goes, and as it comes. */
        if (from.sll_pkttype != PACKET_OUTGOING &&
            is_of(packet, (size_t)got, port, &text, &text_size))
            assert_int_equal(etf_buffer_add(seen, text, text_size), AGNER_OK);
    }
    assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
}

static bool saw(const struct etf_buffer *seen, const char *text)
{
    return memmem(seen->data, seen->size, text, strlen(text)) != NULL;
}

static void a_capture_has_no_payload_no_names_no_cookie(void **state)
{
    static const char *const secrets[] = { LINKED_SECRET, LINKED_KNOWN, A, B,
                                           "127.0.0.1",   PAIR_COOKIE };
    size_t count = sizeof secrets / sizeof secrets[0];

    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct node_options a = pair_options(A), b = pair_options(B);
        struct etf_buffer seen = { 0 };
        struct linked l;
        int fd, why;

        a.plain = b.plain = plain != 0;
        linked_begin_with(&l, a, b, false);
        fd = listen_to_loopback(node_port(l.duo.b));
        why = errno;
        if (fd < 0) {
            linked_end(&l);
            print_message("no packet socket here: %s\n", strerror(why));
            skip();
        }
        linked_chatter(&l);
        read_all(fd, node_port(l.duo.b), &seen);
        assert_true(seen.size > 100000);
        for (size_t i = 0; i < count; i++) {
            bool is_cookie = i + 1 == count; /* plain links hide that too */

            if (saw(&seen, secrets[i]) != (plain != 0 && !is_cookie))
                fail_msg("%s: %s is %s", plain ? "plain" : "secure", secrets[i],
                         plain ? "not seen" : "seen");
        }
        assert_int_equal(seen.size > 4 && memcmp(seen.data, "AGNR", 4) == 0,
                         plain == 0);
        linked_end(&l);
        etf_buffer_fini(&seen);
        close(fd);
    }
}

#else

static void a_capture_has_no_payload_no_names_no_cookie(void **state)
{
    (void)state;
    print_message("this system has no packet sockets\n");
    skip();
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_has_no_payload_no_names_no_cookie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
