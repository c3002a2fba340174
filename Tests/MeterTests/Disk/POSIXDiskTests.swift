import Glibc
import Meter
import MeterTesting
import Testing

@Suite struct POSIXDiskTests {
    let directory: TemporaryDirectory
    let disk: POSIXDisk

    init() throws {
        directory = try TemporaryDirectory()
        disk = try POSIXDisk(path: directory.path)
    }

    @Test func `bytes that were appended are read back, also by a second descriptor`() throws {
        let file = try disk.create("a")
        try file.append(Array("hello".utf8))
        try file.append(Array(" world".utf8))
        try file.sync()
        try disk.syncDirectory()
        #expect(try disk.open("a").bytes() == Array("hello world".utf8))
        #expect(try file.byteCount() == 11)
        #expect(try file.bytes(at: 6, count: 100) == Array("world".utf8))
        #expect(try file.bytes(at: 100, count: 10) == [])
    }

    @Test func `a file that is opened again is appended to, never overwritten`() throws {
        try disk.create("a").append([1, 2, 3])
        try disk.open("a").append([4])
        #expect(try disk.open("a").bytes() == [1, 2, 3, 4])
    }

    @Test func `names are listed, renamed over others, and removed`() throws {
        try disk.create("a").append([1])
        try disk.create("b").append([2])
        #expect(try disk.list().sorted() == ["a", "b"])
        try disk.rename("a", to: "b")
        #expect(try disk.list() == ["b"])
        #expect(try disk.open("b").bytes() == [1])
        try disk.remove("b")
        #expect(try disk.list() == [])
    }

    @Test func `refusals name the operation, the file and the reason`() throws {
        _ = try disk.create("a")
        #expect(throws: DiskError(.create, file: "a", .exists)) { try disk.create("a") }
        #expect(throws: DiskError(.open, file: "b", .notFound)) { try disk.open("b") }
        #expect(throws: DiskError(.remove, file: "b", .notFound)) { try disk.remove("b") }
        #expect(throws: DiskError(.rename, file: "b", .notFound)) {
            try disk.rename("b", to: "c")
        }
        #expect(
            DiskError(.sync, file: "a", .system(errno: EIO)).description
                == "sync a: Input/output error (errno 5)"
        )
    }

    @Test func `a full device is no space`() throws {
        let devices = try POSIXDisk(path: "/dev", access: .readWrite)
        let full = try devices.open("full")
        #expect(throws: DiskError(.append, file: "full", .noSpace)) { try full.append([1]) }
    }

    @Test func `a link is not followed`() throws {
        #expect(unsafe symlink("/dev/full", directory.path + "/link") == 0)
        #expect(throws: DiskError(.open, file: "link", .system(errno: ELOOP))) {
            try disk.open("link")
        }
    }

    @Test func `a disk for reading refuses every change`() throws {
        try disk.create("a").append([1])
        let reading = try POSIXDisk(path: directory.path, access: .readOnly)
        #expect(try reading.open("a").bytes() == [1])
        let refused = DiskError.Reason.system(errno: EROFS)
        #expect(throws: DiskError(.create, file: "b", refused)) { try reading.create("b") }
        #expect(throws: DiskError(.rename, file: "a", refused)) {
            try reading.rename("a", to: "b")
        }
        #expect(throws: DiskError(.remove, file: "a", refused)) { try reading.remove("a") }
        #expect(throws: DiskError(.append, file: "a", .system(errno: EBADF))) {
            try reading.open("a").append([1])
        }
    }

    @Test func `a missing directory is made for its owner only`() throws {
        let path = directory.path + "/data/"
        let made = try POSIXDisk(path: path)
        _ = try made.create("a")
        var status = stat()
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        #expect(throws: DiskError(.open, file: path + "b", .notFound)) {
            try POSIXDisk(path: path + "b", access: .readOnly)
        }
    }
}

@Suite struct DirectoryLockTests {
    @Test func `a second holder is refused with the process of the first`() throws {
        let directory = try TemporaryDirectory()
        var first: DirectoryLock? = try DirectoryLock(path: directory.path)
        #expect(
            throws: DiskError(.lock, file: directory.path, .locked(byProcess: getpid()))
        ) { try DirectoryLock(path: directory.path) }
        _ = first
        first = nil
        _ = try DirectoryLock(path: directory.path)
    }

    @Test func `what a dead process left in the file keeps nobody out`() throws {
        let directory = try TemporaryDirectory()
        let disk = try POSIXDisk(path: directory.path)
        try disk.create("lock").append(Array("4194999999\n".utf8))
        _ = try DirectoryLock(path: directory.path)
        #expect(try disk.open("lock").bytes() == Array("\(getpid())\n".utf8))
    }
}
