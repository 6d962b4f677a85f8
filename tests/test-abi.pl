#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# The boundary between host and cell, as the compiler lays it out, is the one listed in
# testsuite-data/abi.txt: each struct's size, each member's offset and size, each number. So that
# a change shows in a diff, and is not made by accident. After one that is meant (see ABI_VERSION):
#     make check TESTS=tests/test-abi.pl INSTAR_TEST_ACCEPT=1
use strict;
use warnings;

my $root = "$ENV{G_TEST_SRCDIR}/..";
my $listing = "$root/testsuite-data/abi.txt";
my @lines;

# What the headers name: structs with their members, enumerators, and macros that are numbers.
for my $header (qw(abi.h layout.h)) {
    open my $in, '<', "$root/src/abi/$header" or die "$header: $!\n";
    my $text = join '', <$in>;
    $text =~ s{/\*.*?\*/}{}gs;
    while ($text =~ /^struct (abi_\w+) \{(.*?)^\};/gms) {
        my ($struct, $body) = ($1, $2);
        push @lines, qq{printf("struct $struct %zu\\n", sizeof(struct $struct));};
        for my $names ($body =~ /^\s+(?:struct )?\w+ ([^;]+);/gm) {
            for my $name (split /,\s*/, $names) {
                $name =~ s/\[.*//;
                push @lines, qq{printf("  $name %zu %zu\\n", offsetof(struct $struct, $name), }
                    . qq{sizeof(((struct $struct *)0)->$name));};
            }
        }
    }
    while ($text =~ /^enum (\w+) \{(.*?)\};/gms) {
        my ($enum, $body) = ($1, $2);
        push @lines, qq{printf("enum $enum\\n");};
        push @lines, map { qq{printf("  $_ %lld\\n", (long long)$_);} } $body =~ /\b([A-Z]\w+) =/g;
    }
    while ($text =~ /^#define (ABI_\w+) (?!\\)\S/gm) {
        push @lines, qq{printf("$1 %lld\\n", (long long)$1);};
    }
}

open my $out, '>', 'abi.c' or die "abi.c: $!\n";
print $out qq{#include <stdio.h>\n#include "abi/abi.h"\n#include "abi/layout.h"\n},
    "int main(void)\n{\n", map({"$_\n"} @lines), "return 0;\n}\n";
close $out or die "abi.c: $!\n";
print "1..3\n";
my $compiled = system("$ENV{CC} -I$root/src -o abi abi.c") == 0;
print $compiled ? '' : 'not ', "ok 1 the listing compiles\n";
my @now = $compiled ? `./abi` : ();
print @now == @lines ? '' : 'not ', "ok 2 all of it is listed\n";

if ($ENV{INSTAR_TEST_ACCEPT} && $compiled) {
    open my $golden, '>', $listing or die "$listing: $!\n";
    print $golden @now;
    close $golden or die "$listing: $!\n";
}
open my $golden, '<', $listing or die "$listing: $!\n";
my @then = <$golden>;
my %then = map { $_ => 1 } @then;
my %now = map { $_ => 1 } @now;
print join('', @now) eq join('', @then) ? '' : 'not ', "ok 3 the boundary is the one on file\n";
print map({"# + $_"} grep { !$then{$_} } @now), map({"# - $_"} grep { !$now{$_} } @then);
