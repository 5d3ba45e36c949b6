/*
 * context_x86_64.S -- changing stacks, System V ABI. See context.h.
 *
 * A saved context: r15 r14 r13 r12 rbx rbp, return address.
 */
    .text

    .globl rt__context_switch
    .hidden rt__context_switch
    .type rt__context_switch, @function
    .p2align 4
rt__context_switch:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .cfi_endproc
    .size rt__context_switch, . - rt__context_switch

/* (top, entry, arg): r12 is the entry, r13 its argument. */
    .globl rt__context_make
    .hidden rt__context_make
    .type rt__context_make, @function
rt__context_make:
    leaq begin(%rip), %rax
    movq %rax, -24(%rdi)
    movq $0, -32(%rdi)
    movq $0, -40(%rdi)
    movq %rsi, -48(%rdi)
    movq %rdx, -56(%rdi)
    movq $0, -64(%rdi)
    movq $0, -72(%rdi)
    leaq -72(%rdi), %rax
    ret
    .size rt__context_make, . - rt__context_make

    .type begin, @function
begin:
    .cfi_startproc
    .cfi_undefined %rip
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size begin, . - begin

    .globl rt__context_jump
    .hidden rt__context_jump
    .type rt__context_jump, @function
rt__context_jump:
    movq %rdi, %rsp
    subq $16, %rsp
    movq $0, 8(%rsp)
    xorl %ebp, %ebp
    movq %rdx, %rdi
    callq *%rsi
    ud2
    .size rt__context_jump, . - rt__context_jump

    .section .note.GNU-stack, "", @progbits
