/*
 * gossip_packet.h -- libcluster's heartbeat: one datagram, one name.
 *
 * Private to node/; pure. "heartbeat::" and #{node => Name} in the external
 * term format, which Elixir matches as %{node: n}: further keys are passed over
 * on both sides. A node without epmd adds port => Port.
 * Source: libcluster, Cluster.Strategy.Gossip; spec/ecosystem.md 3.2.
 */
#ifndef NODE_GOSSIP_PACKET_H
#define NODE_GOSSIP_PACKET_H

#include "handshake.h"

#define NODE__GOSSIP_MAX  512 /* bytes of a packet of ours, at most */
#define NODE__GOSSIP_KEYS 16u /* of a packet that is taken */

/* Writes the packet; port 0: without. Returns its size. */
size_t node__gossip_write(const char *name, uint16_t port,
                          uint8_t packet[NODE__GOSSIP_MAX]);

/*
 * Reads any bytes. AGNER_OK: `name` passes node__name_check(), *port is 0 when
 * there is none. AGNER_ENOTSUP: not such a packet, perhaps one with
 * libcluster's secret; AGNER_EMALFORMED says what is wrong. Interns nothing.
 */
enum agner_err node__gossip_read(const uint8_t *packet, size_t size,
                                 char name[NODE__NAME_MAX + 1], uint16_t *port,
                                 struct agner_error *error);

#endif
