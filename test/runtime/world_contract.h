/*
 * world_contract.h -- what rt_world.h promises, as cases for any world.
 */
#ifndef WORLD_CONTRACT_H
#define WORLD_CONTRACT_H

#include "world_scene.h"

struct contract_case {
    const char *name;
    void (*run)(const struct place *place);
};

extern const struct contract_case contract_loop_cases[];
extern const struct contract_case contract_conn_cases[];
extern const struct contract_case contract_udp_cases[];
extern const size_t contract_loop_count, contract_conn_count,
    contract_udp_count;

/* Runs all of them in `place` under cmocka; the number of failures. */
int contract_run(const char *name, const struct place *place);

#endif
