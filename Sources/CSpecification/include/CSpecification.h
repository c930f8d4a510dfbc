#pragma once

/// The text of the chapter at `index` of `Docs/Specification`, as it was when the program was built; NULL past the last.
const char *touchstone_chapter_text(int index);

/// The file name of the chapter at `index`; NULL past the last.
const char *touchstone_chapter_name(int index);
