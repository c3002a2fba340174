import Foundation
import Testing

/// What neither the compiler nor the formatter checks: that the pages name the files there are, and that
/// the source keeps the habits of CONTRIBUTING.md.
@Suite struct TidyTests {
    @Test func `every source file has its line in the map of the code`() throws {
        let mapped = try Project.mappedFiles()
        let existing = Set(try Project.swiftFiles(under: ["Sources"]).map(\.path))
        #expect(existing.count > 200)
        let missing = existing.subtracting(mapped).sorted()
        #expect(missing.isEmpty, "ARCHITECTURE.md does not name \(missing)")
        let gone = Set(mapped).subtracting(existing).sorted()
        #expect(gone.isEmpty, "ARCHITECTURE.md names what is not there: \(gone)")
        #expect(Set(mapped).count == mapped.count, "ARCHITECTURE.md names a file twice")
    }

    @Test func `relative links lead somewhere`() throws {
        var linkCount = 0
        for page in try Project.markdown() {
            let folder = Project.root.appendingPathComponent(page.path).deletingLastPathComponent()
            for link in Self.links(in: page) {
                let target = String(link.prefix { $0 != "#" })
                guard !target.isEmpty, !target.contains("://") else { continue }
                linkCount += 1
                let path = folder.appendingPathComponent(target).standardizedFileURL.path
                let exists = FileManager.default.fileExists(atPath: path)
                #expect(exists, "\(page.path) links to \(link)")
            }
        }
        #expect(linkCount > 10)
    }

    /// What stands in parentheses behind brackets, outside of code blocks.
    private static func links(in page: ProjectFile) -> [String] {
        var links: [String] = []
        var isCode = false
        for line in page.lines {
            if line.hasPrefix("```") { isCode.toggle() }
            guard !isCode else { continue }
            for part in line.components(separatedBy: "](").dropFirst() {
                links.append(String(part.prefix { $0 != ")" && $0 != " " }))
            }
        }
        return links
    }

    @Test func `the example of a unit test in Emitters.md is one that is compiled and run`() throws
    {
        let parts = try Project.file("Tests/MeterClientTests/TestSinkTests.swift").text
            .components(separatedBy: "// example of Emitters.md\n").dropFirst()
        let example = try #require(parts.first?.components(separatedBy: "// end of").first)
        let page = try Project.file("Documentation/Emitters.md").text
        #expect(example.contains("TestSink()"))
        #expect(page.contains("```swift\n\(example)```"))
    }

    @Test func `the README speaks of the addresses that the server listens at`() throws {
        let settings = try Project.file("Sources/MeterServer/Configuration/Settings.swift").text
        let readme = try Project.file("README.md").text
        for (flag, address) in [("udp", "127.0.0.1:7481"), ("tcp", "127.0.0.1:7482")] {
            #expect(settings.contains("default: \"\(address)\""), "--\(flag)")
            #expect(readme.contains("--\(flag) \(address)"), "--\(flag)")
        }
        #expect(settings.contains("default: \"127.0.0.1:7480\""), "--http")
        #expect(readme.contains("http://127.0.0.1:7480/api/v1/events"), "--http")
    }

    /// What each event of a frame passes between its tag and its counters. Allocations and reference
    /// counts of the same way are counted by `make bench` while it runs.
    @Test func `what every event passes makes no string and takes no lock`() throws {
        let files = [
            "MeterWire/EntryTable", "MeterWire/EventDecoding", "MeterWire/ReusableBuffer",
            "MeterWire/WireReader", "Meter/Admission/FrameJudge", "Meter/Counters/BatchCounter",
            "Meter/Counters/BatchNames",
            "Meter/Counters/CounterKey", "Meter/Counters/CounterTable",
            "Meter/Counters/LiveCounters",
            "Meter/Counters/LiveNames", "Meter/Counters/MappedMemory",
            "Meter/Counters/NameTable", "Meter/Counters/RowIndex", "Meter/Counters/RowTable",
            "Meter/Counters/ShapeTable", "Meter/Details/DetailGuard",
            "Meter/Details/DetailKey", "Meter/Details/GroupTable", "Meter/Details/Histogram",
            "Meter/Details/LiveDetails", "Meter/Details/LiveHistograms",
            "Meter/Details/PagedNames", "Meter/Details/QuarterHour",
        ]
        for path in files {
            let file = try Project.file("Sources/\(path).swift")
            for text in ["String", "withLock", "Mutex"] {
                #expect(!file.hasCode(text), "\(file.path) has \(text)")
            }
        }
    }

    @Test func `the engine and the wire end no process and ask no clock`() throws {
        let files = try Project.swiftFiles(under: [
            "Sources/Meter", "Sources/MeterDisk", "Sources/MeterWire",
        ])
        #expect(files.count > 100)
        for file in files {
            for text in ["try!", "fatalError(", "Date()", "ContinuousClock", "clock_gettime"] {
                #expect(!file.hasCode(text), "\(file.path) has \(text)")
            }
        }
    }

    @Test func `nothing is left to be done later`() throws {
        // Put together, so that this file does not have them itself.
        let marks = ["TO" + "DO", "FIX" + "ME"]
        for file in try Project.swiftFiles(under: ["Sources", "Tests"]) {
            for mark in marks {
                #expect(!file.text.contains(mark), "\(file.path) has \(mark)")
            }
        }
    }

    @Test func `what the compiler is told to believe has a reason beside it`() throws {
        for file in try Project.swiftFiles(under: ["Sources"]) {
            let lines = file.lines.map { $0.trimmingCharacters(in: .whitespaces) }
            for (index, line) in lines.enumerated()
            where line.contains("@unchecked Sendable") && !line.hasPrefix("//") {
                let above = lines[..<index].last { !$0.hasPrefix("@") } ?? ""
                #expect(
                    above.hasPrefix("//"),
                    "\(file.path):\(index + 1) is unchecked without a comment above it"
                )
            }
        }
    }

    @Test func `Foundation stays out of engine, wire and emitter`() throws {
        // The book's entries are JSON; opening, sealing and signing hand Crypto its kind of data.
        let allowed: Set<String> = [
            "Sources/Meter/Book/BookEntry.swift",
            "Sources/Meter/Statements/SignedDocument.swift",
            "Sources/MeterWire/FrameOpener.swift", "Sources/MeterWire/FrameSealer.swift",
        ]
        let folders = [
            "Sources/Meter", "Sources/MeterDisk", "Sources/MeterWire", "Sources/MeterClient",
        ]
        for file in try Project.swiftFiles(under: folders) {
            for line in file.code where line.contains("import Foundation") {
                let isFine =
                    line.contains("import FoundationEssentials") && allowed.contains(file.path)
                #expect(isFine, "\(file.path): \(line)")
            }
        }
    }

    @Test func `what the scripted year must come to is computed by nothing of Meter`() throws {
        let files = try Project.swiftFiles(under: ["Tests/YearTruth"])
        #expect(files.count > 10)
        for file in files {
            let imports = file.code.filter { $0.hasPrefix("import ") || $0.contains(" import ") }
            #expect(imports.allSatisfy { $0 == "import Foundation" }, "\(file.path): \(imports)")
        }
        let package = try Project.file("Package.swift").text
        #expect(
            package.contains(
                ".target(name: \"YearTruth\", path: \"Tests/YearTruth\", swiftSettings: strict)"
            ))
    }

    @Test func `memory is handled by hand only where it is listed`() throws {
        let files = try Project.swiftFiles(under: ["Sources"])
        let found = Set(files.filter { $0.hasCode("unsafe ") }.map(\.path))
        let unlisted = found.subtracting(unsafeFiles).sorted()
        #expect(unlisted.isEmpty, "do without unsafe, or name it in UnsafeFiles.swift: \(unlisted)")
        let stale = unsafeFiles.subtracting(found).sorted()
        #expect(stale.isEmpty, "no longer unsafe; take out of UnsafeFiles.swift: \(stale)")
    }

    @Test func `no file names a place on the machine where it was written`() throws {
        // Put together, so that this file does not have them itself.
        let places = ["/" + "work/", "/" + "tmp/bash_jobs"]
        let single = [".ci/run", "Makefile", "Package.swift", "Benchmarks/Package.swift"]
        let folders = [
            "Benchmarks/Sources", "Documentation", "Sources", "Tests", "deploy", "emitters",
            "scripts",
        ]
        let extensions: Set<String> = ["", "c", "h", "md", "modulemap", "py", "swift", "yaml"]
        var files = try (Project.pages + single).map { path in try Project.file(path) }
        for folder in folders {
            files += try Project.files(under: folder, extensions: extensions)
        }
        #expect(files.count > 300)
        for file in files {
            for place in places {
                #expect(!file.text.contains(place), "\(file.path) names \(place)")
            }
        }
    }
}
