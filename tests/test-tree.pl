#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# Rules of the source tree: who may include whom, what is freestanding, what no file may hold.
use strict;
use warnings;
use File::Find;

chdir "$ENV{G_TEST_SRCDIR}/.." or die "no source tree\n";

# Lower rooms whose headers a room may include. Imports go one way.
my @host_low = qw(base abi io cell);
my %may_include = (
    base    => [],
    abi     => [qw(base)],
    format  => [qw(base abi)],
    guest   => [qw(base abi format)],
    io      => [qw(base abi)],
    cell    => [qw(base abi io)],
    profile => [qw(base)],
    image   => [@host_low, qw(profile)],
    copy    => [@host_low, qw(profile image)],
    render  => [@host_low, qw(profile image copy)],
    cli     => [@host_low, qw(profile image copy render)],
);
# Numbers and tables of a format, made for drivers and host alike.
my $table_header = qr{^format/[a-z0-9-]*(?:options|messages|status|tables?)\.h$};
my %freestanding = map { $_ => 1 } qw(base abi format guest);
my %freestanding_header = map { $_ => 1 } qw(
    stdbool.h stddef.h stdint.h stdarg.h stdalign.h stdnoreturn.h limits.h float.h
    immintrin.h x86intrin.h emmintrin.h cpuid.h
    libdeflate.h zstd.h zstd_errors.h nettle/*.h);
my $max_lines = 900;
# In two pieces, so that this file does not hold them itself.
my $unfinished = join '|', 'TO' . 'DO', 'FIX' . 'ME', 'X' . 'XX', 'HA' . 'CK',
    'not ' . 'yet implemented', 'unimple' . 'mented';
# Folders that exist on somebody's machine only.
my $machine_path = qr{/(?:work|root|home/[a-z]|tmp/[a-z])/};
my %at_top = map { $_ => 1 } qw(
    .ci .clang-format .editorconfig .gitignore ARCHITECTURE.md COPYING ChangeLog HACKING.md
    Makefile.am README.md SECURITY.md bootstrap completions configure.ac guest m4 man src tests
    testsuite-data);

my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if -f && /\.(?:[chS]|ld|sh|pl|pod|am|ac|m4)$/ } },
     grep { -e } qw(src guest man tests m4 configure.ac Makefile.am));
my %problems = map { $_ => [] }
    ('imports', 'freestanding', 'spdx', 'length', 'unfinished', 'assert', 'paths', 'top');

sub complain
{
    my ($what, $text) = @_;
    push @{ $problems{$what} }, $text;
}

sub check_include
{
    my ($file, $room, $line, $quote, $header) = @_;
    if ($freestanding{$room} && $quote eq '<') {
        (my $pattern = $header) =~ s{^nettle/.*}{nettle/*.h};
        complain('freestanding', "$file:$line: <$header>") unless $freestanding_header{$pattern};
    }
    return unless $quote eq '"' && $header =~ m{^(\w+)/};
    my $other = $1;
    return if !exists $may_include{$other} || $other eq $room;
    return if grep { $_ eq $other } @{ $may_include{$room} };
    return if $header =~ $table_header;
    complain('imports', "$file:$line: \"$header\"");
}

for my $file (sort @files) {
    open(my $handle, '<:raw', $file) or die "$file: $!\n";
    my @lines = <$handle>;
    my ($room) = $file =~ m{^(?:src/(\w+)|(?:guest))/};
    $room = 'guest' if $file =~ m{^guest/};
    my $head = join '', grep { defined } @lines[0 .. 2];
    complain('spdx', $file) unless $head =~ /SPDX-License-Identifier: GPL-2\.0-or-later/;
    complain('length', "$file: " . @lines) if @lines > $max_lines;
    my $n = 0;
    for my $text (@lines) {
        $n++;
        complain('unfinished', "$file:$n: $text") if $text =~ /\b(?:$unfinished)\b/;
        complain('paths', "$file:$n: $text") if $text =~ m{$machine_path};
        complain('assert', "$file:$n: $text")
            if $file =~ /\.[ch]$/ && $text =~ /\bg_assert ?\(/;
        check_include($file, $room, $n, $1, $2)
            if $room && $file =~ /\.[ch]$/ && $text =~ /^\s*#\s*include\s*([<"])([^>"]+)[>"]/;
    }
}

# In a checkout: what lies in the top folder belongs there. (A release archive has more.)
for my $name (-e '.git' ? map { s{/.*}{}sr } split /\0/, qx(git ls-files -z) : ()) {
    complain('top', $name) unless $at_top{$name};
}

my @tests = (
    [ imports => 'each room includes only rooms below it' ],
    [ freestanding => 'payload code includes no header of a libc or of GLib' ],
    [ spdx => 'each file names its licence' ],
    [ length => "no file is longer than $max_lines lines" ],
    [ unfinished => 'no marks of unfinished work' ],
    [ paths => 'no folder of a machine is named' ],
    [ top => 'nothing is in the top folder that does not belong there' ],
    [ assert => 'no g_assert(), which vanishes with G_DISABLE_ASSERT' ],
);
print '1..', scalar(@tests), "\n";
my $number = 0;
for my $test (@tests) {
    my ($what, $name) = @$test;
    my @found = @{ $problems{$what} };
    print @found ? 'not ok ' : 'ok ', ++$number, " $what: $name\n";
    chomp @found;
    print "# $_\n" for @found;
}
