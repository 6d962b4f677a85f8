/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <elf.h>
#include <string.h>

#include "abi/layout.h"
#include "cell/payload.h"

/* From payload-blob.S. */
extern const guint8 payload_blob[], payload_blob_end[];

static struct {
    GMutex mutex;
    gboolean parsed;
    CellPayload payload;
} embedded;

static void parse(CellPayload *p, const guint8 *start, const guint8 *end)
{
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)(gconstpointer)start;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)(gconstpointer)(start + elf->e_phoff);

    *p = (CellPayload){ .elf = start, .elf_size = (gsize)(end - start), .entry = elf->e_entry };
    for (guint i = 0; i < elf->e_phnum; i++) {
        CellSegment segment = { ph[i].p_vaddr, start + ph[i].p_offset, ph[i].p_filesz,
                                ph[i].p_memsz };
        if (ph[i].p_type == PT_LOAD && ph[i].p_memsz) {
            *(ph[i].p_flags & PF_X   ? &p->text
              : ph[i].p_flags & PF_W ? &p->data
                                     : &p->rodata) = segment;
        }
    }
    g_assert_true(p->text.size && p->text.address >= ABI_PAYLOAD_START);
    g_assert_true(p->data.address + p->data.size <= ABI_PAYLOAD_END);
}

const CellPayload *cell_payload(void)
{
    g_mutex_lock(&embedded.mutex);
    if (!embedded.parsed) {
        parse(&embedded.payload, payload_blob, payload_blob_end);
        embedded.parsed = TRUE;
    }
    g_mutex_unlock(&embedded.mutex);
    return &embedded.payload;
}

void cell_use_payload(const guint8 *start, const guint8 *end)
{
    g_mutex_lock(&embedded.mutex);
    embedded.parsed = start != NULL;
    if (start) {
        parse(&embedded.payload, start, end);
    }
    g_mutex_unlock(&embedded.mutex);
}

typedef struct {
    const Elf64_Sym *symbols;
    gsize n;
    const char *names;
} Symbols;

static Symbols symbols_of(const CellPayload *p)
{
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)(gconstpointer)p->elf;
    const Elf64_Shdr *sh = (const Elf64_Shdr *)(gconstpointer)(p->elf + elf->e_shoff);

    for (guint i = 0; i < elf->e_shnum; i++) {
        if (sh[i].sh_type == SHT_SYMTAB) {
            return (Symbols){ (const Elf64_Sym *)(gconstpointer)(p->elf + sh[i].sh_offset),
                              sh[i].sh_size / sizeof(Elf64_Sym),
                              (const char *)p->elf + sh[sh[i].sh_link].sh_offset };
        }
    }
    return (Symbols){ 0 };
}

guint64 cell_payload_symbol(const CellPayload *p, const char *name)
{
    Symbols t = symbols_of(p);

    for (gsize i = 0; i < t.n; i++) {
        if (strcmp(t.names + t.symbols[i].st_name, name) == 0) {
            return t.symbols[i].st_value;
        }
    }
    return 0;
}

char *cell_payload_function(const CellPayload *p, guint64 address)
{
    Symbols t = symbols_of(p);
    const Elf64_Sym *best = NULL;

    if (address < p->text.address || address - p->text.address >= p->text.size) {
        return NULL;
    }
    for (gsize i = 0; i < t.n; i++) {
        const Elf64_Sym *s = &t.symbols[i];
        if (ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_value <= address &&
            (!best || s->st_value > best->st_value)) {
            best = s;
        }
    }
    return best ? g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", t.names + best->st_name,
                                  address - best->st_value)
                : NULL;
}
