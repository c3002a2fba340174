import Foundation

/// A text file of the project.
struct ProjectFile {
    /// From the package's root, with slashes.
    let path: String
    let text: String

    var lines: [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The lines without comments. A `//` within a string ends the line, too: what is looked for is never
    /// behind one.
    var code: [String] {
        lines.map { line in
            guard let comment = line.range(of: "//") else { return line }
            return String(line[..<comment.lowerBound])
        }
    }

    /// Whether a line of code has the text.
    func hasCode(_ text: String) -> Bool { code.contains { $0.contains(text) } }
}

/// The package that this test lies in.
enum Project {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The pages at the top of the project.
    static let pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]

    static func file(_ path: String) throws -> ProjectFile {
        let url = root.appendingPathComponent(path)
        return ProjectFile(path: path, text: try String(contentsOf: url, encoding: .utf8))
    }

    /// The text files below a folder whose names have one of the extensions, by path; "" is a name without
    /// one.
    static func files(under folder: String, extensions: Set<String>) throws -> [ProjectFile] {
        let url = root.appendingPathComponent(folder)
        var files: [ProjectFile] = []
        for name in try FileManager.default.subpathsOfDirectory(atPath: url.path).sorted() {
            let path = folder + "/" + name
            guard extensions.contains(URL(fileURLWithPath: path).pathExtension) else { continue }
            // A folder has no text.
            guard let file = try? Self.file(path) else { continue }
            files.append(file)
        }
        return files
    }

    static func swiftFiles(under folders: [String]) throws -> [ProjectFile] {
        try folders.flatMap { folder in try files(under: folder, extensions: ["swift"]) }
    }

    /// Every Markdown page.
    static func markdown() throws -> [ProjectFile] {
        let top = try pages.map { page in try file(page) }
        return top + (try files(under: "Documentation", extensions: ["md"]))
    }

    /// The source files that the map in ARCHITECTURE.md names: a heading for each folder, a line for each
    /// file.
    static func mappedFiles() throws -> [String] {
        var folder = ""
        var paths: [String] = []
        for line in try file("ARCHITECTURE.md").lines {
            let quoted = line.split(separator: "`", omittingEmptySubsequences: false)
            guard quoted.count >= 3 else { continue }
            if line.hasPrefix("### `Sources/") {
                folder = String(quoted[1])
            } else if line.hasPrefix("- `"), quoted[1].hasSuffix(".swift"), !folder.isEmpty {
                paths.append(folder + "/" + String(quoted[1]))
            }
        }
        return paths
    }
}
