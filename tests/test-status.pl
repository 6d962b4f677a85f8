#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
# What a driver says in numbers (abi/status.h, format/*-status.h): each number once and in the range
# of its format, each said by some driver, and each with words on the host; no words for a number
# that is not there.
use strict;
use warnings;

my $root = "$ENV{G_TEST_SRCDIR}/..";
# The ranges of status.h, by the word names begin with.
my %range = (FMT => [-999, -1], QCOW2 => [-1999, -1000], VMDK => [-2999, -2000],
    LUKS => [-3999, -3000]);
my (%value, %where, @wrong, $tests);

sub text {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my $text = join '', <$in>;
    $text =~ s{/\*.*?\*/}{}gs;
    return $text;
}

sub told {
    my ($what, @found) = @_;
    $tests++;
    print @found ? "not ok" : "ok", " $tests - $what\n", map { "# $_\n" } @found;
}

# A number, a name, or a sum of both.
sub evaluate {
    my ($words) = @_;
    my ($sum, $sign) = (0, 1);
    for my $part ($words =~ /[-+]|\w+/g) {
        if ($part =~ /^[-+]$/) {
            $sign = $part eq '-' ? -1 : 1;
        } else {
            $sum += $sign * ($part =~ /^\d/ ? $part : $value{$part} // die "$part: unknown\n");
            $sign = 1;
        }
    }
    return $sum;
}

for my $file ("$root/src/abi/status.h", sort glob "$root/src/format/*-status.h") {
    my $text = text($file);
    while ($text =~ /^enum \w+ \{(.*?)^\};/gms) {
        for (split /,/, $1) {
            next unless /\S/;
            my ($name, $number) = /^\s*(\w+) = (.*?)\s*$/s or die "$file: cannot read '$_'\n";
            $value{$name} = evaluate($number);
            $where{$name} = $file =~ s{.*/}{}r;
        }
    }
}

# Negative ones are said; the others are distances from one to the next. FIRST begins a range.
my @said = sort { $value{$b} <=> $value{$a} || $a cmp $b }
    grep { $value{$_} < 0 && !/_FIRST$/ } keys %value;
my %holder;
for (@said) {
    push @wrong, "$_ and $holder{$value{$_}} are both $value{$_}" if $holder{$value{$_}};
    $holder{$value{$_}} = $_;
}
told('each number is there once (' . @said . ')', @wrong);
told('each lies in the range of its format', grep {
        my $r = $range{(split /_/)[0]};
        !$r || $value{$_} < $r->[0] || $value{$_} > $r->[1]
    } @said);

my ($words, $drivers) = ('', '');
$words .= text($_) for glob "$root/src/image/words-*.c";
$drivers .= text($_) for glob("$root/src/format/*.c"), glob("$root/guest/*.c");
my %worded = map { $_ => 1 } $words =~ /\b((?:FMT|QCOW2|VMDK|LUKS)_[A-Z]_\w+)/g;
my %used = map { $_ => 1 } $drivers =~ /\b((?:FMT|QCOW2|VMDK|LUKS)_[A-Z]_\w+)/g;
told('each has words', map { "$_ ($where{$_})" } grep { !$worded{$_} } @said);
told('each is said by a driver', map { "$_ ($where{$_})" } grep { !$used{$_} } @said);
told('no words for others', grep { !exists $value{$_} } sort keys %worded);
print "1..$tests\n";
