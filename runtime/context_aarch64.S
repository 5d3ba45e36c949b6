/*
 * context_aarch64.S -- changing stacks, AAPCS64. See context.h.
 *
 * A saved context, 160 bytes: x19..x30, d8..d15.
 */
    .text

    .globl rt__context_switch
    .hidden rt__context_switch
    .type rt__context_switch, %function
    .p2align 4
rt__context_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size rt__context_switch, . - rt__context_switch

/* (top, entry, arg): x19 is the entry, x20 its argument. */
    .globl rt__context_make
    .hidden rt__context_make
    .type rt__context_make, %function
rt__context_make:
    sub x9, x0, #160
    stp x1, x2, [x9, #0]
    stp xzr, xzr, [x9, #16]
    stp xzr, xzr, [x9, #32]
    stp xzr, xzr, [x9, #48]
    stp xzr, xzr, [x9, #64]
    adr x10, begin
    stp xzr, x10, [x9, #80]
    stp xzr, xzr, [x9, #96]
    stp xzr, xzr, [x9, #112]
    stp xzr, xzr, [x9, #128]
    stp xzr, xzr, [x9, #144]
    mov x0, x9
    ret
    .size rt__context_make, . - rt__context_make

    .type begin, %function
begin:
    mov x0, x20
    blr x19
    brk #1
    .size begin, . - begin

    .globl rt__context_jump
    .hidden rt__context_jump
    .type rt__context_jump, %function
rt__context_jump:
    mov sp, x0
    mov x29, xzr
    mov x30, xzr
    mov x0, x2
    blr x1
    brk #1
    .size rt__context_jump, . - rt__context_jump

    .section .note.GNU-stack, "", %progbits
