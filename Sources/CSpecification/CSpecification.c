// Compiles the chapters of the specification into the program, so that an installed program has them.
// A test checks that none is missing here.
#include "CSpecification.h"

#include <stddef.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char tokens[] = {
#embed "../../Docs/Specification/01-Tokens.md" suffix(, 0)
};
static const char embedding[] = {
#embed "../../Docs/Specification/02-Embedding.md" suffix(, 0)
};
static const char position[] = {
#embed "../../Docs/Specification/03-Position.md" suffix(, 0)
};
static const char layer_norm[] = {
#embed "../../Docs/Specification/04-LayerNorm.md" suffix(, 0)
};
static const char attention[] = {
#embed "../../Docs/Specification/05-Attention.md" suffix(, 0)
};
static const char feed_forward[] = {
#embed "../../Docs/Specification/06-Feed-forward.md" suffix(, 0)
};
static const char residual_stream[] = {
#embed "../../Docs/Specification/07-Residual-stream.md" suffix(, 0)
};
static const char unembedding[] = {
#embed "../../Docs/Specification/08-Unembedding.md" suffix(, 0)
};
static const char softmax[] = {
#embed "../../Docs/Specification/09-Softmax.md" suffix(, 0)
};
static const char sampling[] = {
#embed "../../Docs/Specification/10-Sampling.md" suffix(, 0)
};
static const char generation[] = {
#embed "../../Docs/Specification/11-Generation.md" suffix(, 0)
};
static const char numerics[] = {
#embed "../../Docs/Specification/12-Numerics.md" suffix(, 0)
};
static const char kernels[] = {
#embed "../../Docs/Specification/13-Kernels.md" suffix(, 0)
};
static const char files[] = {
#embed "../../Docs/Specification/14-Files.md" suffix(, 0)
};
static const char bounds[] = {
#embed "../../Docs/Specification/15-Bounds.md" suffix(, 0)
};
static const char graph[] = {
#embed "../../Docs/Specification/16-Graph.md" suffix(, 0)
};
static const char rms_norm[] = {
#embed "../../Docs/Specification/17-RMSNorm.md" suffix(, 0)
};
static const char rotary[] = {
#embed "../../Docs/Specification/18-Rotary.md" suffix(, 0)
};
static const char grouped_heads[] = {
#embed "../../Docs/Specification/19-Grouped-heads.md" suffix(, 0)
};
static const char gated_feed_forward[] = {
#embed "../../Docs/Specification/20-Gated-feed-forward.md" suffix(, 0)
};
static const char linear_biases[] = {
#embed "../../Docs/Specification/21-Linear-biases.md" suffix(, 0)
};
static const char experts[] = {
#embed "../../Docs/Specification/22-Experts.md" suffix(, 0)
};
static const char encoders[] = {
#embed "../../Docs/Specification/23-Encoders.md" suffix(, 0)
};
static const char latent_attention[] = {
#embed "../../Docs/Specification/24-Latent-attention.md" suffix(, 0)
};
static const char sound[] = {
#embed "../../Docs/Specification/29-Sound.md" suffix(, 0)
};
static const char pictures[] = {
#embed "../../Docs/Specification/30-Pictures.md" suffix(, 0)
};
static const char modulation[] = {
#embed "../../Docs/Specification/31-Modulation.md" suffix(, 0)
};
static const char two_stacks[] = {
#embed "../../Docs/Specification/25-Two-stacks.md" suffix(, 0)
};
static const char optimiser[] = {
#embed "../../Docs/Specification/28-Optimiser.md" suffix(, 0)
};
static const char loss[] = {
#embed "../../Docs/Specification/26-Loss.md" suffix(, 0)
};
static const char backward[] = {
#embed "../../Docs/Specification/27-Backward.md" suffix(, 0)
};

static const struct {
  const char *name;
  const char *text;
} chapters[] = {
    {"01-Tokens.md", tokens},
    {"02-Embedding.md", embedding},
    {"03-Position.md", position},
    {"04-LayerNorm.md", layer_norm},
    {"05-Attention.md", attention},
    {"06-Feed-forward.md", feed_forward},
    {"07-Residual-stream.md", residual_stream},
    {"08-Unembedding.md", unembedding},
    {"09-Softmax.md", softmax},
    {"10-Sampling.md", sampling},
    {"11-Generation.md", generation},
    {"12-Numerics.md", numerics},
    {"13-Kernels.md", kernels},
    {"14-Files.md", files},
    {"15-Bounds.md", bounds},
    {"16-Graph.md", graph},
    {"17-RMSNorm.md", rms_norm},
    {"18-Rotary.md", rotary},
    {"19-Grouped-heads.md", grouped_heads},
    {"20-Gated-feed-forward.md", gated_feed_forward},
    {"21-Linear-biases.md", linear_biases},
    {"22-Experts.md", experts},
    {"23-Encoders.md", encoders},
    {"24-Latent-attention.md", latent_attention},
    {"25-Two-stacks.md", two_stacks},
    {"26-Loss.md", loss},
    {"27-Backward.md", backward},
    {"28-Optimiser.md", optimiser},
    {"29-Sound.md", sound},
    {"30-Pictures.md", pictures},
    {"31-Modulation.md", modulation},
};
static const int count = sizeof chapters / sizeof chapters[0];

const char *touchstone_chapter_text(int index) {
  return index >= 0 && index < count ? chapters[index].text : NULL;
}

const char *touchstone_chapter_name(int index) {
  return index >= 0 && index < count ? chapters[index].name : NULL;
}
