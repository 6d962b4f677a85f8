#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# bench.pl: time and memory of instar-img beside qemu-img, as a markdown table on standard output.
#
#   --size=SIZE    of the file system image to work on (default $BENCH_SIZE or 1G)
#   --tree=DIR     where its files come from (default /usr)
#   --dir=DIR      where the images are made (default: a fresh one under $TMPDIR or /var/tmp); what
#                  an earlier run with the same size and tree left there is used again
#   --runs=N       timed runs of each command (default 5; short commands get more)
#   --only=REGEX   only the rows whose name matches
#   --check        afterwards compare each written image with its source, by qemu-img
#
# $INSTAR_IMG, $QEMU_IMG and $QEMU_IO say which programs. Needs hyperfine, mke2fs and GNU time.
use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Getopt::Long;
use JSON::PP;

my %opt = (size => $ENV{BENCH_SIZE} || '1G', tree => '/usr', runs => 5, only => '.');
GetOptions(\%opt, 'size=s', 'tree=s', 'dir=s', 'runs=i', 'only=s', 'check') or exit 2;
my %program = (ours => $ENV{INSTAR_IMG} || 'instar-img', qemu => $ENV{QEMU_IMG} || 'qemu-img');
my $dir = $opt{dir};
if (defined $dir) {
    make_path($dir);
} else {
    $dir = tempdir('instar-bench.XXXXXX', DIR => $ENV{TMPDIR} || '/var/tmp', CLEANUP => 1);
}
chdir $dir or die "bench: $dir: $!\n";

# [ name, arguments, file written, image the written one must equal, counts doorbells, what to run
# before each time instead of removing the file written (its last word is the file that is made: it
# goes to the disk before the time is taken), { runs => how many at most, fails => 1: the exit
# status is not 0, flaky => 1: now and then it is not, and such a run does not count, read => how
# the file written is named to be compared, if its name alone will not do } ]
# "fs.*" hold the same file system image; OUT stands for the file written. "pieces*" are images of so
# many GiB whose clusters lie in disorder, those of 100 GiB in runs of 1 MiB; their data is holes.
my $secret = '--object secret,id=s,data=x';
my $luks = "$secret --image-opts";
# On a busy machine qemu-img says "Unable to get accurate CPU usage" when it makes a key slot.
my $flaky = { runs => 5, flaky => 1 };
my $hundred = 'cp --sparse=always pieces100.qcow2 hundred.out';
my $taken = 'cp --sparse=always pieces100.snap hundred.out';
my $damaged = 'cp --sparse=always pieces100.bad hundred.out';
my $thin = "$program{qemu} create -q -f qcow2 -b fs.qcow2 -F qcow2 thin.qcow2";
my @rows = (
    [ 'info, small qcow2',          'info small.qcow2' ],
    [ 'info --output=json, small',  'info --output=json small.qcow2' ],
    [ 'info, 1 TiB qcow2',          'info tera.qcow2' ],
    [ 'info --output=json, 1 TiB',  'info --output=json tera.qcow2' ],
    [ 'create 1 TiB qcow2',         'create -q -f qcow2 OUT 1T', 'out' ],
    [ 'create with backing file',   'create -q -f qcow2 -b small.qcow2 -F qcow2 OUT', 'out' ],
    [ 'convert raw to qcow2',       'convert -f raw -O qcow2 fs.raw OUT', 'out', 'fs.raw', 1 ],
    [ 'convert qcow2 to raw',       'convert -f qcow2 -O raw fs.qcow2 OUT', 'out', 'fs.raw', 1 ],
    [ 'convert qcow2 to qcow2',     'convert -f qcow2 -O qcow2 fs.qcow2 OUT', 'out', 'fs.raw', 1 ],
    [ 'convert raw to deflate',     'convert -f raw -O qcow2 -c fs.raw OUT', 'out', 'fs.raw' ],
    [ 'convert deflate to raw',     'convert -f qcow2 -O raw fs.deflate OUT', 'out', 'fs.raw' ],
    [ 'convert raw to zstd',
      'convert -f raw -O qcow2 -c -o compression_type=zstd fs.raw OUT', 'out', 'fs.raw' ],
    [ 'convert zstd to raw',        'convert -f qcow2 -O raw fs.zstd OUT', 'out', 'fs.raw' ],
    [ 'create 1 TiB vmdk',          'create -q -f vmdk OUT 1T', 'out' ],
    [ 'convert raw to aes',
      'convert --object secret,id=s,data=x -f raw -O qcow2'
      . ' -o encrypt.format=aes,encrypt.key-secret=s fs.raw OUT', 'out', 'fs.raw', undef, undef,
      { read => 'driver=qcow2,encrypt.key-secret=s,file.filename=out' } ],
    [ 'convert aes to raw',
      'convert --object secret,id=s,data=x --image-opts'
      . ' driver=qcow2,encrypt.key-secret=s,file.filename=fs.aes -O raw OUT', 'out', 'fs.raw' ],
    [ 'create luks', "create -q $secret -f luks -o key-secret=s,iter-time=100 OUT 1G", 'out',
      undef, undef, undef, $flaky ],
    [ 'create qcow2 with luks',
      "create -q $secret -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s,"
      . 'encrypt.iter-time=100 OUT 1G', 'out', undef, undef, undef, $flaky ],
    [ 'info, luks',                 'info fs.luks' ],
    [ 'convert raw to luks',
      "convert $secret -f raw -O luks -o key-secret=s,iter-time=10 fs.raw OUT", 'out',
      undef, undef, undef, $flaky ],
    [ 'convert luks to raw',
      "convert $luks driver=luks,key-secret=s,file.filename=fs.luks -O raw OUT", 'out', 'fs.raw' ],
    [ 'convert raw to qcow2 with luks',
      "convert $secret -f raw -O qcow2 -o encrypt.format=luks,encrypt.key-secret=s,"
      . 'encrypt.iter-time=10 fs.raw OUT', 'out', undef, undef, undef, $flaky ],
    [ 'convert qcow2 with luks to raw',
      "convert $luks driver=qcow2,encrypt.key-secret=s,file.filename=fs.qluks -O raw OUT", 'out',
      'fs.raw' ],
    [ 'convert raw to vmdk',        'convert -f raw -O vmdk fs.raw OUT', 'out', 'fs.raw', 1 ],
    [ 'convert vmdk to raw',        'convert -f vmdk -O raw fs.vmdk OUT', 'out', 'fs.raw', 1 ],
    [ 'map --output=json, vmdk',    'map --output=json fs.vmdk' ],
    [ 'check, 1 TiB vmdk',          'check -q tera.vmdk' ],
    [ 'map --output=json',          'map --output=json fs.qcow2' ],
    [ 'dd bs=64k raw to raw',       'dd -f raw -O raw bs=64k if=fs.raw of=OUT', 'out', 'fs.raw', 1 ],
    [ 'dd bs=64k qcow2 to qcow2',   'dd -f qcow2 -O qcow2 bs=64k if=fs.qcow2 of=OUT', 'out', 'fs.raw',
      1 ],
    [ 'dd bs=1M deflate to raw',    'dd -f qcow2 -O raw bs=1M if=fs.deflate of=OUT', 'out', 'fs.raw' ],
    [ 'measure --size',             'measure --size 1T -O qcow2' ],
    [ 'measure qcow2',              'measure -O qcow2 fs.qcow2' ],
    [ 'measure raw',                'measure -f raw -O qcow2 fs.raw' ],
    [ 'check',                      'check -q fs.qcow2' ],
    [ 'compare raw with qcow2',     'compare -q -f raw -F qcow2 fs.raw fs.qcow2', undef, undef, 1 ],
    [ 'compare raw with deflate',   'compare -q -f raw -F qcow2 fs.raw fs.deflate' ],
    [ 'commit -d into an empty base', 'commit -q -d over.qcow2', 'base.qcow2', 'fs.raw', 1,
      'cp empty.qcow2 base.qcow2' ],
    [ 'commit -d into a raw base',  'commit -q -d over-raw.qcow2', 'base.raw', 'fs.raw', 1,
      'cp --sparse=always empty.raw base.raw' ],
    [ 'commit of little, emptied',  'commit -q little.qcow2', undef, undef, undef,
      'cp little.orig little.qcow2' ],
    [ 'rebase to the same content', 'rebase -f qcow2 -b fs.raw -F raw thin.qcow2', 'thin.qcow2',
      'fs.raw', 1, $thin ],
    [ 'rebase to no backing file',  'rebase -f qcow2 -b "" thin.qcow2', 'thin.qcow2', 'fs.raw', 1,
      $thin ],
    [ 'rebase -u',                  'rebase -u -f qcow2 -b fs.raw -F raw thin.qcow2', undef, undef,
      undef, $thin ],
    [ 'bench, reads',               'bench -f qcow2 fs.qcow2' ],
    [ 'bench, reads, one at a time', 'bench -f qcow2 -d 1 fs.qcow2' ],
    [ 'bench, reads of 1 MiB',      'bench -f qcow2 -c 1000 -s 1M fs.qcow2' ],
    [ 'bench, reads far apart',     'bench -f qcow2 -S 7M fs.qcow2' ],
    [ 'bench, reads, no cache',     'bench -f qcow2 -c 20000 -t none fs.qcow2' ],
    [ 'bench, reads, deflate',      'bench -f qcow2 -c 5000 fs.deflate' ],
    [ 'bench, writes in place',     'bench -f qcow2 -w scratch.qcow2' ],
    [ 'bench, writes far apart',    'bench -f qcow2 -w -c 20000 -S 7M scratch.qcow2' ],
    [ 'bench, writes of 1 MiB',     'bench -f qcow2 -w -c 500 -s 1M scratch.qcow2' ],
    [ 'bitmap --merge, dense',      'bitmap --merge dense -f qcow2 bits.qcow2 sum' ],
    [ 'bitmap --clear, 64 GiB',     'bitmap --clear -f qcow2 bits.qcow2 other' ],
    [ 'resize, 1 TiB and 1 GiB more', 'resize -q -f qcow2 tera.out 1025G', undef, undef, undef,
      'cp --sparse=always tera.qcow2 tera.out' ],
    [ 'resize --shrink to a tenth', 'resize -q -f qcow2 --shrink fs.out 100M', undef, undef, undef,
      'cp --sparse=always fs.qcow2 fs.out' ],
    [ 'resize --shrink, pieces',    'resize -q -f qcow2 --shrink pieces.out 1G', undef, undef, undef,
      'cp --sparse=always pieces8.qcow2 pieces.out' ],
    [ 'amend refcount_bits=64',     'amend -f qcow2 -o refcount_bits=64 pieces.out', undef, undef,
      undef, 'cp --sparse=always pieces8.qcow2 pieces.out' ],
    [ 'amend compat=0.10',          'amend -f qcow2 -o compat=0.10 fs.out', undef, undef, undef,
      'cp --sparse=always fs.qcow2 fs.out' ],
    [ 'snapshot -l',                'snapshot -l pieces8.snap' ],
    [ 'snapshot -c, 8 GiB in pieces', 'snapshot -c new pieces.out', undef, undef, undef,
      'cp --sparse=always pieces8.qcow2 pieces.out' ],
    [ 'snapshot -a, 8 GiB in pieces', 'snapshot -a one pieces.out', undef, undef, undef,
      'cp --sparse=always pieces8.snap pieces.out' ],
    [ 'snapshot -d, 8 GiB in pieces', 'snapshot -d one pieces.out', undef, undef, undef,
      'cp --sparse=always pieces8.snap pieces.out' ],
    [ 'snapshot -c, 11 GiB in pieces', 'snapshot -c new pieces.out', undef, undef, undef,
      'cp --sparse=always pieces11.qcow2 pieces.out' ],
    [ 'amend compat=1.1',           'amend -f qcow2 -o compat=1.1 fs.out', undef, undef,
      undef, 'cp --sparse=always fs.v2 fs.out' ],
    [ 'info, 100 GiB',              'info pieces100.qcow2' ],
    [ 'measure, 100 GiB',           'measure -O qcow2 pieces100.qcow2' ],
    [ 'map, 100 GiB',               'map --output=json pieces100.qcow2', undef, undef, undef, undef,
      { runs => 2 } ],
    [ 'check, 100 GiB',             'check -q pieces100.qcow2', undef, undef, undef, undef,
      { runs => 2 } ],
    [ 'check, 100 GiB damaged',     'check -q pieces100.bad', undef, undef, undef, undef,
      { runs => 2, fails => 1 } ],
    [ 'check -r leaks, 100 GiB',    'check -q -r leaks hundred.out', undef, undef, undef, $damaged,
      { runs => 2, fails => 1 } ],
    [ 'check -r all, 100 GiB',      'check -q -r all hundred.out', undef, undef, undef, $damaged,
      { runs => 2, fails => 1 } ],
    [ 'resize, 100 GiB to 110',     'resize -q -f qcow2 hundred.out 110G', undef, undef, undef,
      $hundred ],
    [ 'resize --shrink, 100 GiB to 90', 'resize -q -f qcow2 --shrink hundred.out 90G', undef, undef,
      undef, $hundred, { runs => 2 } ],
    [ 'amend compat=0.10, 100 GiB', 'amend -f qcow2 -o compat=0.10 hundred.out', undef, undef, undef,
      $hundred, { runs => 2 } ],
    [ 'amend refcount_bits=64, 100 GiB', 'amend -f qcow2 -o refcount_bits=64 hundred.out', undef,
      undef, undef, $hundred, { runs => 2 } ],
    [ 'snapshot -c, 100 GiB',       'snapshot -c new hundred.out', undef, undef, undef, $hundred,
      { runs => 1 } ],
    [ 'snapshot -a, 100 GiB',       'snapshot -a one hundred.out', undef, undef, undef, $taken,
      { runs => 1 } ],
    [ 'snapshot -d, 100 GiB',       'snapshot -d one hundred.out', undef, undef, undef, $taken,
      { runs => 1 } ],
    [ 'commit -d, 100 GiB',         'commit -q -d over100.qcow2', undef, undef, 1,
      'cp empty100.qcow2 base100.qcow2', { runs => 2 } ],
    [ 'commit, 100 GiB',            'commit -q over100.out', undef, undef, 1,
      'cp --sparse=always over100.qcow2 over100.out', { runs => 2 } ],
    [ 'rebase, 100 GiB',            'rebase -f qcow2 -b other100.raw -F raw over100.out', undef, undef,
      1, 'cp --sparse=always over100.qcow2 over100.out', { runs => 2 } ],
);

sub run
{
    my @command = @_;
    open(my $pipe, '-|', @command) or die "bench: $command[0]: $!\n";
    my $output = do { local $/; <$pipe> };
    close $pipe or die "bench: failed (" . ($? >> 8) . "): @command\n";
    return $output;
}

sub bytes
{
    my ($text) = @_;
    my ($number, $unit) = $text =~ /^(\d+)([KMGT]?)$/ or die "bench: not a size: $text\n";
    return $number * 1024 ** index(' KMGT', $unit || ' ');
}

# Files of the tree, in the order of their names, up to seven tenths of the image.
sub make_stage
{
    my ($limit) = @_;
    my $sum = 0;
    my @chosen;
    for (sort split /\0/, run('find', $opt{tree}, '-xdev', '-type', 'f', '-size', '-64M',
                              '-readable', '-printf', '%P\t%s\0')) {
        my ($path, $size) = /^(.*)\t(\d+)$/s;
        $sum += $size + 4096;
        last if $sum > $limit;
        push @chosen, $path;
    }
    die "bench: nothing to put into the image in $opt{tree}\n" unless @chosen;
    open(my $list, '>', 'list') or die "bench: list: $!\n";
    print $list map { "$_\0" } @chosen;
    close $list or die "bench: list: $!\n";
    mkdir 'stage';
    run('sh', '-c', 'tar -c -C "$1" --null -T "$2/list" -f - | tar -x -C stage -f -',
        'sh', $opt{tree}, $dir);
}

# Make a file that is not there yet; what is only half made goes.
sub once
{
    my ($name, $make) = @_;
    return if -e $name;
    for (1 .. 5) { # qemu-img cannot always make a key slot
        return if eval { $make->($name); 1 };
        unlink $name;
    }
    die $@;
}

# What is there of another size, or from another tree, is made anew.
sub forget_others
{
    my $this = "$opt{size} $opt{tree}\n";
    my $before = '';
    if (open(my $file, '<', 'made-of')) {
        $before = <$file> // '';
    }
    if ($before ne $this) {
        unlink glob '*.raw *.qcow2 *.vmdk *.snap *.orig *.bad fs.*';
        open(my $file, '>', 'made-of') or die "bench: made-of: $!\n";
        print $file $this;
        close $file or die "bench: made-of: $!\n";
    }
}

sub prepare
{
    my $size = bytes($opt{size});
    my $qemu = $program{qemu};
    my @qemu_io = ($ENV{QEMU_IO} || 'qemu-io', '-f', 'qcow2', '-c');
    my @secret = split / /, $secret;
    my $convert = sub {
        my ($to, @how) = @_;
        once($to, sub { run($qemu, 'convert', @how, 'fs.raw', $to) });
    };
    my $create = sub {
        my ($name, @how) = @_;
        my $length = pop @how;
        once($name, sub { run($qemu, qw(create -q), @how, $name, $length) });
    };
    forget_others();
    once('fs.raw', sub {
        make_stage($size * 0.7);
        run('truncate', '-s', $size, 'fs.raw');
        run(qw(mke2fs -q -F -t ext4 -d stage fs.raw));
        run('rm', '-rf', 'stage', 'list');
    });
    $convert->('fs.qcow2', qw(-f raw -O qcow2));
    $convert->('fs.v2', qw(-f raw -O qcow2 -o compat=0.10));
    $convert->('fs.deflate', qw(-f raw -O qcow2 -c));
    $convert->('fs.zstd', qw(-f raw -O qcow2 -c -o compression_type=zstd));
    $convert->('fs.aes', @secret, qw(-f raw -O qcow2 -o),
               'encrypt.format=aes,encrypt.key-secret=s');
    $convert->('fs.luks', @secret, qw(-f raw -O luks -o), 'key-secret=s,iter-time=10');
    $convert->('fs.qluks', @secret, qw(-f raw -O qcow2 -o),
               'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10');
    $convert->('fs.vmdk', qw(-f raw -O vmdk));
    $convert->('scratch.qcow2', qw(-f raw -O qcow2));
    $create->('tera.vmdk', qw(-f vmdk 1T));
    $create->('small.qcow2', qw(-f qcow2 64M));
    $create->('tera.qcow2', qw(-f qcow2 1T));
    once('bits.qcow2', sub {
        run($qemu, qw(create -q -f qcow2 bits.qcow2 64G));
        run($qemu, qw(bitmap --add -g 4k -f qcow2 bits.qcow2), $_) for qw(dense sum other);
        run($qemu, qw(bitmap --disable -f qcow2 bits.qcow2 sum));
        run(@qemu_io, 'write -z -n 0 64G', 'bits.qcow2');
    });
    $create->('empty.qcow2', qw(-f qcow2), $size);
    run('truncate', '-s', $size, 'empty.raw');
    run('sh', '-c', 'cp empty.qcow2 base.qcow2; cp --sparse=always empty.raw base.raw');
    $convert->('over.qcow2', qw(-f raw -O qcow2 -B base.qcow2 -F qcow2));
    $convert->('over-raw.qcow2', qw(-f raw -O qcow2 -B base.raw -F raw));
    once('little.orig', sub {
        run($qemu, qw(create -q -f qcow2 -b scratch.qcow2 -F qcow2 little.orig));
        run(@qemu_io, 'write -P 1 64k 1M', '-c', 'write -P 2 100M 64k', 'little.orig');
    });
    for my $gib (8, 11, 100) {
        once("pieces$gib.qcow2", sub {
            run($qemu, qw(create -q -f qcow2 -o preallocation=metadata), $_[0], "${gib}G");
            change_entries($_[0], sub { shuffle($gib < 100 ? 1 : 16, @_) });
        });
    }
    for my $gib (8, 100) {
        once("pieces$gib.snap", sub {
            run(qw(cp --sparse=always), "pieces$gib.qcow2", $_[0]);
            run($qemu, qw(snapshot -c one), $_[0]);
        });
    }
    once('pieces100.bad', sub {
        run(qw(cp --sparse=always pieces100.qcow2), $_[0]);
        damage($_[0]);
    });
    $create->('empty100.qcow2', qw(-f qcow2 100G));
    run(qw(cp empty100.qcow2 base100.qcow2));
    once('other100.raw', sub { scatter($_[0], 1) });
    once('over100.qcow2', sub {
        scatter('over100.raw', 0);
        run($qemu, qw(convert -f raw -O qcow2 -B base100.qcow2 -F qcow2 over100.raw), $_[0]);
        unlink 'over100.raw';
        change_entries($_[0], sub { shuffle(1, @_) });
    });
}

# A raw image of 100 GiB with a cluster of data at each 12.5 MiB; with other, half as many in between.
sub scatter
{
    my ($name, $other) = @_;
    open(my $file, '>:raw', $name) or die "bench: $name: $!\n";
    truncate $file, 100 * 2 ** 30 or die "bench: $name: $!\n";
    for my $i (0 .. 8191) {
        next if $other && $i % 2;
        seek $file, ($i * 200 + ($other ? 100 : 0)) * 65536, 0 or die "bench: $name: $!\n";
        print $file chr(1 + $i % 251) x 65536;
    }
    close $file or die "bench: $name: $!\n";
}

# The entries of runs of so many clusters change places at random, always the same way.
sub shuffle
{
    my ($run, $entries) = @_;
    my @used = grep { $entries->[$_ * $run] } 0 .. $#$entries / $run;
    srand 1;
    for my $i (reverse 1 .. $#used) {
        my ($a, $b) = map { $_ * $run } @used[$i, int rand($i + 1)];
        my @kept = @$entries[$a .. $a + $run - 1];
        @$entries[$a .. $a + $run - 1] = @$entries[$b .. $b + $run - 1];
        @$entries[$b .. $b + $run - 1] = @kept;
    }
}

# Have call change all entries of the L2 tables of an image.
sub change_entries
{
    my ($name, $call) = @_;
    my ($header, $table, @l2, @entries);
    open(my $file, '+<:raw', $name) or die "bench: $name: $!\n";
    my $at = sub { seek $file, $_[0], 0 or die "bench: $name: $!\n" };
    read $file, $header, 48 or die "bench: $name: $!\n";
    my ($bits, $l1_size, $l1) = (unpack('x20 N', $header), unpack('x36 N Q>', $header));
    $at->($l1);
    read $file, $table, 8 * $l1_size;
    @l2 = grep { $_ } map { $_ & ~0x1ff & (1 << 56) - 1 } unpack('Q>*', $table);
    for (@l2) {
        $at->($_);
        read $file, $table, 1 << $bits;
        push @entries, unpack('Q>*', $table);
    }
    $call->(\@entries);
    for (@l2) {
        $at->($_);
        print $file pack('Q>*', splice(@entries, 0, 1 << ($bits - 3)));
    }
    close $file or die "bench: $name: $!\n";
}

# Of each thousand clusters one is leaked, one is counted too often and one not at all.
sub damage
{
    my ($name) = @_;
    my (@places, $header, $table);
    change_entries($name, sub {
        my ($entries) = @_;
        for (my $i = 0; $i + 1000 <= @$entries; $i += 1000) {
            $entries->[$i] = 0;
            push @places, map { $entries->[$i + $_] & ~0x1ff & (1 << 56) - 1 } 300, 600;
        }
    });
    open(my $file, '+<:raw', $name) or die "bench: $name: $!\n";
    my $at = sub { seek $file, $_[0], 0 or die "bench: $name: $!\n" };
    read $file, $header, 104 or die "bench: $name: $!\n";
    my ($offset, $clusters) = unpack('x48 Q> N', $header);
    $at->($offset);
    read $file, $table, $clusters << 16;
    my @blocks = unpack('Q>*', $table);
    for my $i (0 .. $#places) { # counts of 16 bits in clusters of 64 KiB: 32768 in a block
        my $cluster = $places[$i] >> 16;
        next unless $places[$i];
        $at->($blocks[$cluster >> 15] + 2 * ($cluster & 32767));
        print $file pack('n', $i % 2 ? 0 : 2);
    }
    close $file or die "bench: $name: $!\n";
}

# Of the times that count; undef: none does.
sub median
{
    my ($result, $how) = @_;
    return $result->{median} unless $how->{flaky};
    my ($times, $codes) = @$result{qw(times exit_codes)};
    my @good = sort { $a <=> $b } map { $times->[$_] } grep { !$codes->[$_] } 0 .. $#$times;
    return @good ? $good[@good / 2] : undef;
}

# Of both programs over the same arguments: { median seconds, seconds of processor time }.
sub time_pair
{
    my ($arguments, $out, $before, $how) = @_;
    my @one = ('hyperfine', '--shell=none', '--style=none', '--export-json',
               'times.json');
    push @one, '--ignore-failure' if $how->{fails} || $how->{flaky};
    if (defined $before) {
        my ($made) = $before =~ /(\S+)$/;
        push @one, '--prepare', "sh -c '$before && sync -d $made'";
    } elsif (defined $out) {
        push @one, '--prepare', "rm -f $out";
    }
    my @commands = map { "$program{$_} $arguments" } qw(ours qemu);
    my $quick = $arguments =~ /^(?:info|create|measure|commit -q little)/;
    my $runs = $quick ? 10 * $opt{runs} : $opt{runs};
    $runs = $how->{runs} if $how->{runs} && $how->{runs} < $runs;
    for (1 .. 10) {
        run(@one, '--warmup', $runs > 1 ? 1 : 0, '--runs', $runs, @commands);
        open(my $file, '<', 'times.json') or die "bench: times.json: $!\n";
        my $results = decode_json(do { local $/; <$file> })->{results};
        my @pair = map { { time => median($_, $how), cpu => $_->{user} + $_->{system} } } @$results;
        return @pair if !grep { !defined $_->{time} } @pair;
    }
    die "bench: no run did not fail: @commands\n";
}

# Peak resident memory in MiB, and how many doorbells were rung (ours only).
sub observe
{
    my ($which, $arguments, $out, $before, $how) = @_;
    if (defined $before) {
        run('sh', '-c', $before);
    } elsif (defined $out) {
        unlink $out;
    }
    local $ENV{INSTAR_IMG_STATS} = 1;
    my $end = $how->{fails} || $how->{flaky} ? '; true' : '';
    run('sh', '-c', "time -q -o rss -f %M $program{$which} $arguments 2>stats >/dev/null$end");
    open(my $rss, '<', 'rss') or die "bench: rss: $!\n";
    my $kib = (grep { /^\d+$/ } <$rss>)[0] // 0;
    open(my $stats, '<', 'stats') or die "bench: stats: $!\n";
    my ($doorbells) = join('', <$stats>) =~ /doorbells\D*(\d+)/;
    return ($kib / 1024, $doorbells);
}

prepare();
my $gib = bytes($opt{size}) / 2 ** 30;
my $machine = run('uname', '-sr');
chomp $machine;
my $cpus = () = run('cat', '/proc/cpuinfo') =~ /^processor/mg;
my ($version) = split /\n/, run($program{qemu}, '--version');
print "$machine, $cpus CPUs, $version, ext4 image of $opt{size} from $opt{tree}, ",
      "medians of $opt{runs} runs or more\n\n";
print "| command | instar-img ms | qemu-img ms | ratio | ratio of CPU time | instar-img MiB ",
      "| qemu-img MiB | doorbells per GiB |\n";
print "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
my $wrong = 0;
$| = 1;
for my $row (@rows) {
    my ($name, $arguments, $out, $same, $count, $before, $how) = @$row;
    next unless $name =~ /$opt{only}/;
    $arguments =~ s/\bOUT\b/$out/ if defined $out;
    my ($ours, $qemu) = time_pair($arguments, $out, $before, $how // {});
    my ($qemu_rss) = observe('qemu', $arguments, $out, $before, $how // {});
    my ($our_rss, $doorbells) = observe('ours', $arguments, $out, $before, $how // {});
    my $per_gib = $count && defined $doorbells ? sprintf('%.0f', $doorbells / $gib) : '';
    printf "| %s | %.1f | %.1f | %.2f | %.2f | %.1f | %.1f | %s |\n", $name,
           $ours->{time} * 1000, $qemu->{time} * 1000, $ours->{time} / $qemu->{time},
           $ours->{cpu} / $qemu->{cpu}, $our_rss, $qemu_rss, $per_gib;
    next unless $opt{check} && defined $same;
    my $both = $how->{read} ? "$luks $how->{read} file.filename=$same" : "$out $same";
    if (system("$program{qemu} compare -q $both") != 0) {
        print STDERR "bench: $name: the image written is not equal to $same\n";
        $wrong = 1;
    }
}
exit $wrong;
