import ArgumentParser
import Foundation
import Testing

@testable import meterctl

struct HelpTests {
    /// Every command below the root, with the words that name it.
    private static func commands() -> [(path: [String], type: any ParsableCommand.Type)] {
        func below(
            _ type: any ParsableCommand.Type,
            _ path: [String]
        ) -> [(path: [String], type: any ParsableCommand.Type)] {
            type.configuration.subcommands.flatMap { child in
                let path = path + [child._commandName]
                return [(path, child)] + below(child, path)
            }
        }
        return below(Meterctl.self, [])
    }

    /// Lines of a discussion that are commands, with lines that end in a backslash put together.
    private static func examples(_ type: any ParsableCommand.Type) -> [String] {
        var examples: [String] = []
        var isOpen = false
        for line in type.configuration.discussion.split(separator: "\n") {
            let text = line.trimmingCharacters(in: .whitespaces)
            if isOpen {
                examples[examples.count - 1] += " " + text
            } else if line.hasPrefix("  meterctl ") {
                examples.append(text)
            } else {
                continue
            }
            isOpen = text.hasSuffix("\\")
            if isOpen { examples[examples.count - 1].removeLast() }
        }
        return examples
    }

    @Test func `the help of every verb is as it was reviewed`() throws {
        var pages: [String: String] = [
            "meterctl": Meterctl.helpMessage(for: Meterctl.self, columns: 80)
        ]
        for (path, type) in Self.commands() {
            pages[path[0], default: ""] +=
                "$ meterctl \(path.joined(separator: " ")) --help\n"
                + Meterctl.helpMessage(for: type, columns: 80) + "\n\n"
        }
        for (name, page) in pages {
            for line in page.split(separator: "\n") where !line.hasPrefix("USAGE:") {
                #expect(TextWidth.of(String(line)) <= 80, "\(name): \(line)")
            }
            try Snapshot.expect(page, "help/\(name).txt")
        }
        let kept = try FileManager.default.contentsOfDirectory(
            atPath: Snapshot.folder.appending(path: "help").path
        )
        #expect(Set(kept) == Set(pages.keys.map { $0 + ".txt" }))
    }

    @Test func `every verb says what it does and shows how`() {
        for (path, type) in Self.commands() {
            let name = path.joined(separator: " ")
            #expect(!type.configuration.abstract.isEmpty, "\(name)")
            #expect(type.configuration.abstract.hasSuffix("."), "\(name)")
            guard type.configuration.subcommands.isEmpty else { continue }
            #expect(
                Self.examples(type).contains { $0.hasPrefix("meterctl \(name)") },
                "\(name) has no example"
            )
        }
    }

    @Test func `every example in the help is taken by the parser`() throws {
        var count = 0
        for (path, type) in Self.commands() + [([], Meterctl.self)] {
            for example in Self.examples(type) {
                for command in example.components(separatedBy: " && ") {
                    var words = try #require(Self.words(command)).dropFirst()
                    if let end = words.firstIndex(where: { [">", "|"].contains($0) }) {
                        words = words[..<end]
                    }
                    count += 1
                    let arguments = Array(words)
                    #expect(UnknownVerb.find(arguments, below: Meterctl.self) == nil)
                    #expect(throws: Never.self, "\(path): \(command)") {
                        _ = try Meterctl.parseAsRoot(arguments)
                    }
                }
            }
        }
        #expect(count > 30)
    }

    /// As a shell would split them; double quotes only.
    private static func words(_ line: String) -> [String]? {
        let parts = line.components(separatedBy: "\"")
        guard parts.count % 2 == 1 else { return nil }
        return parts.enumerated().flatMap { index, part in
            index % 2 == 1 ? [part] : part.split(separator: " ").map(String.init)
        }
    }

    @Test(arguments: [
        (["stauts"], "did you mean meterctl status?"),
        (["keys", "creat"], "did you mean meterctl keys create?"),
        (["help", "usge"], "did you mean meterctl usage?"),
        (["report", "frobnicate"], "meterctl report has preview, submit, status, foreign, resume"),
    ])
    func `a word that is no verb is named, with the nearest one`(
        arguments: [String],
        hint: String
    ) throws {
        let unknown = try #require(UnknownVerb.find(arguments, below: Meterctl.self))
        #expect(unknown.word == arguments.last)
        #expect("\(unknown)".hasSuffix("\nnext: " + hint))
    }

    @Test(arguments: [
        [], ["--help"], ["help"], ["help", "keys"], ["status", "x"], ["sources", "--help"],
        ["usage", "input_tokens"],
    ])
    func `other words are left to the parser`(arguments: [String]) {
        #expect(UnknownVerb.find(arguments, below: Meterctl.self) == nil)
    }
}
