# Where traps arrive, and the way to user space. The registers are those of `Registers`, word by word.

.text

.macro save_registers           # those up to rcx, where the stack pointer is
    push rcx
    push rax
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
.endm

# Goes to user space with the registers at rdi, and comes back with the next trap: its vector in rax, its code in rdx. With interrupts off, before and behind it.
.global run_user
run_user:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov gs:[{kernel_stack}], rsp
    mov gs:[{trap_stack}], rsp
    push {user_data}
    push qword ptr [rdi + 15 * 8]   # rsp
    push qword ptr [rdi + 17 * 8]   # rflags
    push {user_code}
    push qword ptr [rdi + 16 * 8]   # rip
    mov gs:[{user_stack}], rsp
    mov rsp, rdi
    pop r8
    pop r9
    pop r10
    pop r11
    pop r12
    pop r13
    pop r14
    pop r15
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rax
    pop rcx
    mov rsp, gs:[{user_stack}]
    swapgs
    iretq

# What run_user returns by, on its stack.
leave_run:
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    cld
    ret

# Where `syscall` arrives.
.global system_call
system_call:
    swapgs
    mov gs:[{user_stack}], rsp
    mov rsp, gs:[{kernel_stack}]
    mov rsp, [rsp]
    lea rsp, [rsp + 18 * 8]
    push r11                        # rflags
    push rcx                        # rip
    push qword ptr gs:[{user_stack}]
    save_registers
    mov rsp, gs:[{kernel_stack}]
    mov eax, {system_call}
    xor edx, edx
    jmp leave_run

# All other traps, with a vector, a code and the processor's five words on the stack.
trap:
    test byte ptr [rsp + 24], 3
    jnz 1f
    push rax
    push rcx
    push rdx
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    cld
    mov rdi, rsp
    call {in_kernel}
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq
1:  swapgs
    mov gs:[{user_stack}], rsp
    mov rsp, [rsp + 7 * 8]          # what run_user has pushed last
    lea rsp, [rsp + 15 * 8]
    save_registers
    mov rdi, rsp
    mov rsp, gs:[{user_stack}]
    pop rax
    pop rdx
    pop qword ptr [rdi + 16 * 8]    # rip
    pop rcx                         # cs
    pop qword ptr [rdi + 17 * 8]    # rflags
    pop qword ptr [rdi + 15 * 8]    # rsp
    pop rcx                         # ss
    jmp leave_run

# One entry for each vector, 16 bytes long: the code, or 0 where there is none, then the vector.
.balign 16
.global trap_entries
trap_entries:
.set vector, 0
.rept 256
.balign 16
.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
.else
    push 0
.endif
    push vector
    jmp trap
.set vector, vector + 1
.endr
