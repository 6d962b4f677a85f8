/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io-journal.h"

#define MOST_FILES 8u
#define MOST_ENTRIES 65536u
#define MOST_BYTES (256u << 20)

/* One mapping, shared with all children. */
typedef struct {
    pthread_mutex_t mutex;
    gboolean on, overflowed, fail_lasting;
    guint64 changes, fail_at, failures;
    int fail_code;
    char folder[512];
    guint n_files, n_entries;
    gsize n_bytes;
    struct {
        dev_t device;
        ino_t inode;
        char name[256];
    } files[MOST_FILES];
    struct {
        JournalKind kind;
        guint file;
        guint64 offset, length;
        gsize bytes; /* where they begin */
    } entries[MOST_ENTRIES];
    guint8 bytes[MOST_BYTES];
} Journal;

static Journal *journal;

static void make_journal(void)
{
    pthread_mutexattr_t shared;

    journal = mmap(NULL, sizeof *journal, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_assert_true(journal != MAP_FAILED);
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&journal->mutex, &shared);
    pthread_mutexattr_destroy(&shared);
}

void journal_begin(const char *folder)
{
    if (journal == NULL) {
        make_journal();
    }
    journal->overflowed = FALSE;
    journal->changes = journal->failures = 0;
    journal->fail_code = 0;
    journal->n_files = journal->n_entries = 0;
    journal->n_bytes = 0;
    g_strlcpy(journal->folder, folder, sizeof journal->folder);
    journal->on = TRUE;
}

void journal_fail(guint64 n, int code, gboolean lasting)
{
    journal->fail_at = journal->changes + n;
    journal->fail_code = code;
    journal->fail_lasting = lasting;
}

guint64 journal_failures(void)
{
    return journal->failures;
}

void journal_end(void)
{
    journal->on = FALSE;
}

guint journal_length(void)
{
    return journal->n_entries;
}

JournalEntry journal_entry(guint n)
{
    return (JournalEntry){
        .kind = journal->entries[n].kind,
        .file = journal->entries[n].file,
        .offset = journal->entries[n].offset,
        .length = journal->entries[n].length,
        .bytes = journal->bytes + journal->entries[n].bytes,
    };
}

guint journal_n_files(void)
{
    return journal->n_files;
}

const char *journal_file(guint n)
{
    return journal->files[n].name;
}

gboolean journal_overflowed(void)
{
    return journal->overflowed;
}

/* The number of a file that counts, -1 for others. The mutex is held. */
static int find_file(int fd)
{
    char link[64], path[600];
    gsize folder = strlen(journal->folder);
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return -1;
    }
    for (guint i = 0; i < journal->n_files; i++) {
        if (journal->files[i].device == st.st_dev && journal->files[i].inode == st.st_ino) {
            return (int)i;
        }
    }
    g_snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 1);
    if (n < 0) {
        return -1;
    }
    path[n] = '\0';
    if (strncmp(path, journal->folder, folder) != 0 || path[folder] != '/') {
        return -1;
    }
    if (journal->n_files == MOST_FILES) {
        journal->overflowed = TRUE;
        return -1;
    }
    journal->files[journal->n_files].device = st.st_dev;
    journal->files[journal->n_files].inode = st.st_ino;
    g_strlcpy(journal->files[journal->n_files].name, path + folder + 1,
              sizeof journal->files[0].name);
    return (int)journal->n_files++;
}

/* Begin a change: the mutex is held from here to after(). Answers 0, or the errno it fails with. */
static int before(int fd, int *ret_file)
{
    *ret_file = -1;
    if (journal == NULL || !journal->on) {
        return 0;
    }
    pthread_mutex_lock(&journal->mutex);
    *ret_file = find_file(fd);
    if (*ret_file < 0) {
        pthread_mutex_unlock(&journal->mutex);
        return 0;
    }
    guint64 number = journal->changes++;
    if (journal->fail_code != 0 &&
        (journal->fail_lasting ? number >= journal->fail_at : number == journal->fail_at)) {
        journal->failures++;
        pthread_mutex_unlock(&journal->mutex);
        return journal->fail_code;
    }
    return 0;
}

/* It is done: write it down. */
static void after(int file, gboolean good, JournalKind kind, guint64 offset, guint64 length,
                  const void *bytes)
{
    int code = errno;

    if (file < 0) {
        return;
    }
    if (good && (journal->n_entries == MOST_ENTRIES ||
                 (bytes != NULL && length > MOST_BYTES - journal->n_bytes))) {
        journal->overflowed = TRUE;
    } else if (good) {
        guint n = journal->n_entries++;

        journal->entries[n].kind = kind;
        journal->entries[n].file = (guint)file;
        journal->entries[n].offset = offset;
        journal->entries[n].length = length;
        journal->entries[n].bytes = journal->n_bytes;
        if (bytes != NULL) {
            memcpy(journal->bytes + journal->n_bytes, bytes, length);
            journal->n_bytes += length;
        }
    }
    pthread_mutex_unlock(&journal->mutex);
    errno = code;
}

static int fail(int code)
{
    errno = code;
    return -1;
}

/* ---- in place of the system calls: the names are the linker's ----------------------------- */

ssize_t __real_pwrite(int fd, const void *buf, size_t length, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t length, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t length, off_t offset)
{
    int file, code = before(fd, &file);

    if (code != 0) {
        return fail(code);
    }
    ssize_t n = __real_pwrite(fd, buf, length, offset);
    after(file, n > 0, JOURNAL_WRITE, (guint64)offset, n > 0 ? (guint64)n : 0, buf);
    return n;
}

int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size)
{
    int file, code = before(fd, &file);

    if (code != 0) {
        return fail(code);
    }
    int r = __real_ftruncate(fd, size);
    after(file, r == 0, JOURNAL_TRUNCATE, (guint64)size, 0, NULL);
    return r;
}

int __real_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length)
{
    JournalKind kind = mode & FALLOC_FL_PUNCH_HOLE   ? JOURNAL_PUNCH
                       : mode & FALLOC_FL_ZERO_RANGE ? JOURNAL_ZERO
                                                     : JOURNAL_REACH;
    int file, code = before(fd, &file);

    if (code != 0) {
        return fail(code);
    }
    int r = __real_fallocate(fd, mode, offset, length);
    after(file, r == 0, kind, (guint64)offset, (guint64)length, NULL);
    return r;
}

int __real_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length)
{
    int file, code = before(fd, &file);

    if (code != 0) {
        return code;
    }
    int r = __real_posix_fallocate(fd, offset, length);
    after(file, r == 0, JOURNAL_REACH, (guint64)offset, (guint64)length, NULL);
    return r;
}

/* The file is on tmpfs or a real disk: whether it is really flushed makes no difference here. */
static int flush(int fd)
{
    int file, code = before(fd, &file);

    if (code != 0) {
        return fail(code);
    }
    after(file, TRUE, JOURNAL_FLUSH, 0, 0, NULL);
    return 0;
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    return flush(fd);
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return flush(fd);
}

/* Copies by the kernel cannot be looked into: the store says that it has none. */
ssize_t __wrap_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t length,
                               unsigned int flags);
ssize_t __wrap_copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t length,
                               unsigned int flags)
{
    return fail(EOPNOTSUPP);
}
