# The first instructions: of the first processor by the PVH note, of the others by a real-mode trampoline. Both go on in `boot_first` and `boot_other`.

.section .note.pvh, "a", @note
.align 4
.long 4, 4, 18                      # XEN_ELFNOTE_PHYS32_ENTRY
.asciz "Xen"
.long boot_entry

.section .boot, "awx", @progbits

# Where paging is switched on: the first 4 GiB where they are, for the instruction behind that; at DIRECT; and the first 2 at the place where the kernel is linked.
.align 4096
.global boot_tables
boot_tables:
    .quad boot_tables_4g + 3
    .fill 255, 8, 0
    .quad boot_tables_4g + 3
    .fill 254, 8, 0
    .quad boot_tables_high + 3
boot_tables_4g:
    .quad boot_pages + 0x3, boot_pages + 0x1003, boot_pages + 0x2003, boot_pages + 0x3003
    .fill 508, 8, 0
boot_tables_high:
    .fill 510, 8, 0
    .quad boot_pages + 0x3, boot_pages + 0x1003
boot_pages:
    .set page, 0
    .rept 1536
    .quad page + 0x83
    .set page, page + 0x200000
    .endr
    .rept 512                       # devices: not cached
    .quad page + 0x9b
    .set page, page + 0x200000
    .endr

.align 16
boot_gdt:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00cf9a000000ffff
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

.align 8
.global boot_stack_pointer
boot_stack_pointer:
    .quad boot_stack_end

.code32
.global boot_entry
boot_entry:
    cli
    movl %ebx, %esi                 # hvm_start_info
    jmp enter_long_mode

boot_other_32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %esi, %esi

enter_long_mode:
    movl %cr4, %eax
    orl $0x6a0, %eax                # OSXMMEXCPT, OSFXSR, PGE, PAE
    movl %eax, %cr4
    movl $boot_tables, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx          # EFER
    rdmsr
    orl $0x901, %eax                # NXE, LME, SCE
    wrmsr
    movl %cr0, %eax
    andl $0xfffffff3, %eax          # TS, EM
    orl $0x80050022, %eax           # PG, AM, WP, NE, MP
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $0x8, $enter_high

.code64
enter_high:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movq boot_stack_pointer, %rsp
    xorl %ebp, %ebp
    movl %esi, %edi
    testl %edi, %edi
    jz 1f
    movabsq $boot_first, %rax
    jmp 2f
1:  movabsq $boot_other, %rax
2:  call *%rax
    ud2

# Copied to TRAMPOLINE.
.code16
.global trampoline_begin
trampoline_begin:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl 0x8000 + trampoline_gdt - trampoline_begin
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x18, $boot_other_32
trampoline_gdt:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt
.global trampoline_end
trampoline_end:

# What stands so low is out of reach of the code above: its addresses as words.
.section .rodata.boot_words, "a", @progbits
.align 8
.global boot_words
boot_words:
    .quad trampoline_begin, trampoline_end, boot_stack_pointer, boot_tables, kernel_end

.section .bss.boot_stack, "aw", @nobits
.align 16
    .skip 65536
boot_stack_end:

# What the assembler comes to next is another file's.
.text
.code64
